"""The dashboards as they are kept, and the questions in them."""

import json
import re
from dataclasses import dataclass

import promql_parser as promql

from rollcall import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
#: Ranges that nobody writes, to be recognised behind the parser.
RATE_INTERVAL, WHOLE_RANGE = "3607s", "7213s"


@dataclass(frozen=True)
class Question:
    """One query: `where` is its dashboard and panel, `text` what is written there."""

    board: str
    panel: str
    text: str
    legend: str = ""
    instant: bool = False

    @property
    def where(self):
        return f"{self.board} / {self.panel}"

    def asked(self, rate_interval, instance, whole_range="60s"):
        """As Grafana would ask it with everything chosen that the variables offer."""
        text = self.text.replace("$__rate_interval", rate_interval).replace("$__range", whole_range)
        return text.replace("$job", "rollcall").replace("$instance", instance)

    def parsed(self):
        return promql.parse(self.text.replace("$__rate_interval", RATE_INTERVAL).replace("$__range", WHOLE_RANGE))


def boards():
    return [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]


def panels(board):
    """All that show something: rows do not."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def panel_questions():
    return [
        Question(board["title"], panel["title"], query["expr"], query["legendFormat"], query["instant"])
        for board in boards()
        for panel in panels(board)
        for query in panel["targets"]
    ]


def annotation_questions():
    return [
        Question(board["title"], f"annotation {each['name']}", each["expr"])
        for board in boards()
        for each in board["annotations"]["list"]
        if "expr" in each
    ]


def variable_questions():
    """`(where, selector, label)` of every `label_values`."""
    found = []
    for board in boards():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
                assert match, f"{board['title']}: variable {variable['name']} is no label_values"
                found.append((f"{board['title']} / ${variable['name']}", match[1], match[2]))
    return found


def empty_in_health():
    """Panels that may be empty, by the README's table: title to reason."""
    text = (ROOT / "grafana" / "README.md").read_text()
    lines = text.split("### What is empty in health")[1].split("\n## ")[0].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|") and "---" not in line]
    return {title.strip(): reason.strip() for title, reason in rows[1:]}


def walk(node, above=()):
    """Every node of a parsed query with those above it, outermost first."""
    yield node, above
    inner = above + (node,)
    if isinstance(node, promql.BinaryExpr):
        below = [node.lhs, node.rhs]
    elif isinstance(node, promql.AggregateExpr):
        below = [node.expr]
    elif isinstance(node, promql.Call):
        below = [arg for arg in node.args if not isinstance(arg, (promql.NumberLiteral, promql.StringLiteral))]
    elif isinstance(node, promql.MatrixSelector):
        below = [node.vector_selector]
    elif isinstance(node, (promql.ParenExpr, promql.SubqueryExpr, promql.UnaryExpr)):
        below = [node.expr]
    else:
        below = []
    for each in below:
        yield from walk(each, inner)


def selectors(node):
    """Every vector selector with what is above it."""
    return [(each, above) for each, above in walk(node) if isinstance(each, promql.VectorSelector)]
