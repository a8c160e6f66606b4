"""Every query of every panel, variable, annotation and rule, asked of a real Prometheus that watched a real server."""

import math
import re
import time

import promql_parser as promql
import pytest
import yaml

import dashboards
from catalogue import Catalogue, scrape
from monitoring import CONFIGURED, RATE_INTERVAL
from rollcall import ROOT

QUESTIONS = dashboards.panel_questions() + dashboards.annotation_questions()
EMPTY = dashboards.empty_in_health()
#: May be empty elsewhere; here it has something to show.
MEASURED = {"Time of the canary"}
RULES = [
    rule
    for name in ("rules.yml", "alerts.yml")
    for group in yaml.safe_load((CONFIGURED / name).read_text())["groups"]
    for rule in group["rules"]
]


@pytest.fixture(scope="session")
def catalogue(watched):
    return Catalogue(scrape(watched.server).text)


def _numbers(result):
    """The numbers in an answer; NaN, which is drawn as nothing, is none."""
    found = [float(value) for line in result for _, value in line.get("values", [line.get("value")])]
    return [number for number in found if not math.isnan(number)]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.where)
def test_a_question_has_an_answer(watched, catalogue, question):
    catalogue.check(question.parsed(), question.where)
    text = question.asked(RATE_INTERVAL, watched.instance)
    if question.instant:
        result = watched.prometheus.query(text)
    else:
        result = watched.prometheus.query_range(text, watched.start, time.time())
    if question.panel not in EMPTY or question.panel in MEASURED:
        assert _numbers(result), f"nothing: {text}"
    # A line is named after labels that it has.
    for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", question.legend):
        assert all(label in line["metric"] for line in result), f"{question.legend}: {result[:1]}"


def test_what_may_be_empty_exists():
    titles = {question.panel for question in QUESTIONS}
    assert EMPTY and set(EMPTY) <= titles
    assert MEASURED <= set(EMPTY)


def test_the_canary_arrived(watched):
    """Its panels show a canary that flies, and not the 0 of one that is off."""
    up = [question for question in QUESTIONS if "rollcall_canary_up" in question.text]
    assert len(up) == 2
    for question in up:
        text = question.asked(RATE_INTERVAL, watched.instance)
        lines = watched.prometheus.query_range(text, watched.start, time.time())
        assert 1 in _numbers(lines), f"{question.where}: {lines}"


@pytest.mark.parametrize("where, selector, label", dashboards.variable_questions())
def test_a_variable_has_values(watched, where, selector, label):
    values = watched.prometheus.ask(f"label/{label}/values", **{"match[]": selector.replace("$job", "rollcall")})
    expected = {"job": "rollcall", "instance": watched.instance}[label]
    assert values == [expected], where


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_what_exists(catalogue, rule):
    catalogue.check(promql.parse(rule["expr"]), rule.get("alert") or rule["record"])


def test_the_rules_can_be_evaluated(watched):
    groups = watched.prometheus.ask("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(RULES)
    assert {(rule["name"], rule.get("lastError", "")) for rule in rules if rule["health"] != "ok"} == set()


def test_the_power_cut_was_noticed_at_once(watched):
    """An alert was on its way; and the day's ordinary faults had not woken anybody."""
    critical = {rule["alert"] for rule in RULES if rule.get("labels", {}).get("severity") == "critical"}
    assert not {name for name, state in watched.alerts_while_gone if state == "firing"} & critical


def test_the_start_is_marked_where_it_was(watched):
    board = dashboards.boards()[0]
    starts = next(each for each in board["annotations"]["list"] if each["name"] == "Starts")
    assert starts["useValueForTime"] is True
    question = dashboards.Question("", "Starts", starts["expr"])
    lines = watched.prometheus.query_range(question.asked(RATE_INTERVAL, watched.instance), watched.start, time.time())
    moments = set(_numbers(lines))
    assert len(moments) == 2, "the server was started twice"
    assert all(watched.start - 60 < moment / 1000 < time.time() for moment in moments)


def test_documents_name_what_exists(catalogue):
    """Metrics that the documentation speaks of exist, and every one of ours is on the page of the metrics."""
    known = set(catalogue.kinds) | {re.sub(r"_(bucket|sum|count)$", "", name) for name in catalogue.kinds}
    for path in [*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "grafana/README.md"]:
        for name in set(re.findall(r"`((?:rollcall|process)_[a-z_]+)`", path.read_text())):
            if name.startswith("process_") or name.endswith(("_total", "_seconds", "_bytes", "_up")):
                assert name in known, f"{path.name}: {name}"
