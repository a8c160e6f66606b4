"""What can be asked for: the metrics, labels and values of a real server's `/metrics`, and what Prometheus adds."""

import re

import promql_parser as promql
import requests
import yaml

from dashboards import selectors, walk
from rollcall import PATIENCE, ROOT

#: Added by Prometheus to each target, and to each series.
OF_A_SCRAPE = {"up": "gauge", "scrape_duration_seconds": "gauge", "scrape_samples_scraped": "gauge"}
OF_A_TARGET = {"job", "instance"}
#: Statuses come when they first happen: a pattern for them is checked by its form.
OPEN_LABELS = {"status": r"\d\.\.|\d{3}"}

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$")
_PAIR = re.compile(r'(\w+)="([^"]*)"')


def scrape(server, **headers):
    return requests.get(server.url + "/metrics", headers=headers, timeout=PATIENCE)


def series(text):
    """Every series of a text, name and labels as they stand there."""
    return {line.rsplit(" ", 1)[0] for line in text.splitlines() if line and not line.startswith("#")}


class Catalogue:
    """`kinds`: what each series is; `labels`: name to label to its values."""

    def __init__(self, text):
        kinds = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE"))
        self.kinds, self.labels = dict(OF_A_SCRAPE), {name: {} for name in OF_A_SCRAPE}
        for line in text.splitlines():
            if not (match := _SAMPLE.match(line)):
                continue
            name, pairs = match[1], _PAIR.findall(match[2] or "")
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            # What a histogram shows are counters.
            self.kinds[name] = "counter" if kinds.get(base) == "histogram" else kinds[name]
            for label, value in pairs:
                self.labels.setdefault(name, {}).setdefault(label, set()).add(value)
            self.labels.setdefault(name, {})
        for group in yaml.safe_load((ROOT / "grafana/prometheus/rules.yml").read_text())["groups"]:
            for rule in group["rules"]:
                self.kinds[rule["record"]] = "recorded"
                self.labels[rule["record"]] = {"job": {""}}

    def check(self, parsed, where):
        """Every name, label and value that a query asks for exists."""
        known = set(OF_A_TARGET)
        for selector, _ in selectors(parsed):
            assert selector.name in self.kinds, f"{where}: there is no metric {selector.name}"
            labels = self.labels[selector.name]
            known |= set(labels)
            for matcher in selector.matchers.matchers:
                self._check_matcher(selector.name, labels, matcher, where)
        for node, _ in walk(parsed):
            modifier = node.modifier if isinstance(node, promql.AggregateExpr) else None
            for label in modifier.labels if modifier else ():
                assert label in known, f"{where}: {label} is a label of nothing here"

    @staticmethod
    def _check_matcher(name, labels, matcher, where):
        if matcher.name in OF_A_TARGET:
            return
        assert matcher.name in labels, f"{where}: {name} has no label {matcher.name}"
        for wanted in matcher.value.split("|"):
            of_form = re.fullmatch(OPEN_LABELS.get(matcher.name, r"(?!)"), wanted)
            assert of_form or wanted in labels[matcher.name], f"{where}: {name}{{{matcher.name}}} is never {wanted!r}"
