"""The rules by Prometheus' own tools, and what an operator is told beside the alarm."""

import re
import subprocess

import pytest
import yaml

from monitoring import CONFIGURED
from rollcall import ROOT

ALERTS = {
    rule["alert"]: rule
    for group in yaml.safe_load((CONFIGURED / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}
TESTS = yaml.safe_load((CONFIGURED / "alerts_test.yml").read_text())["tests"]


def promtool(*arguments):
    done = subprocess.run(["promtool", *arguments], cwd=CONFIGURED, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "FAILED" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_and_the_rules_are_right():
    promtool("check", "config", "prometheus.yml")
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yml", "alerts.yml").count("SUCCESS") == 2


def test_each_fires_and_is_silent_as_told():
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_shown_both_ways(name):
    told = [
        bool(test.get("exp_alerts")) for case in TESTS for test in case["alert_rule_test"] if test["alertname"] == name
    ]
    assert set(told) == {True, False}, f"{name}: a test must make it fire, and another keep it silent"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_to_do(name):
    alert = ALERTS[name]
    assert name.startswith("Rollcall")
    severity = alert["labels"]["severity"]
    assert severity in {"critical", "warning", "info"}
    assert alert["annotations"]["summary"] and alert["annotations"]["description"]
    page, anchor = alert["annotations"]["runbook_url"].split("#")
    sections = re.split(r"^### ", (ROOT / page).read_text(), flags=re.MULTILINE)[1:]
    section = {each.split("\n", 1)[0].strip().lower(): each for each in sections}.get(anchor)
    assert section, f"{page} has no section {anchor}"
    assert f"*{severity}.*" in section, f"{page}#{anchor} gives another severity"


def test_the_page_has_no_alert_that_does_not_exist():
    page = (ROOT / "docs/alerts.md").read_text()
    assert set(re.findall(r"^### (\w+)$", page, flags=re.MULTILINE)) == set(ALERTS)


def test_the_readme_counts_them():
    assert f"{len(ALERTS)} alerts" in (ROOT / "grafana/README.md").read_text()
