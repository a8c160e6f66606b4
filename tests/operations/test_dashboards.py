"""The dashboards without a server: Grafana's schema, the rules of its linter, and ours."""

import importlib.util
import json

import promql_parser as promql
import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

import dashboards
from dashboards import FOLDER, RATE_INTERVAL, WHOLE_RANGE, selectors
from rollcall import ROOT

BOARDS = {board["uid"]: board for board in dashboards.boards()}
QUESTIONS = dashboards.panel_questions()
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {"short", "none", "percentunit", "s", "ops", "reqps", "bytes"}
COUNTING = {"rate", "increase", "irate"}
#: Read by Grafana's Prometheus data source and variables, and no part of the published schema.
BEYOND_THE_SCHEMA = {"step", "useValueForTime", "titleFormat", "textFormat", "builtIn", "definition"}


@pytest.fixture(params=BOARDS.values(), ids=BOARDS)
def board(request):
    return request.param


def test_there_are_five_with_fixed_names():
    assert set(BOARDS) == {
        f"rollcall-{name}" for name in ("overview", "delivery", "connections", "messages", "runtime")
    }
    assert {path.stem for path in FOLDER.glob("*.json")} == set(BOARDS)


def test_they_are_what_the_sources_make():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "grafana" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for name, text in generate.rendered().items():
        assert (FOLDER / name).read_text() == text, f"{name} is stale: run grafana/generate.py"


def test_it_fits_the_schema(board):
    """What Grafana's own library reads and writes again is what was there: nothing is misspelt or in the wrong place."""
    plugins.register_default_plugins()
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    assert list(_lost(board, again)) == []


def _lost(ours, theirs, path="$"):
    if isinstance(ours, dict):
        for key, value in ours.items():
            if key in BEYOND_THE_SCHEMA:
                continue
            if not isinstance(theirs, dict) or key not in theirs:
                yield f"{path}.{key} is unknown"
            else:
                yield from _lost(value, theirs[key], f"{path}.{key}")
    elif isinstance(ours, list):
        if len(ours) != len(theirs):
            yield f"{path} lost items"
        for at, (one, other) in enumerate(zip(ours, theirs)):
            yield from _lost(one, other, f"{path}[{at}]")
    elif ours != theirs:
        yield f"{path}: {ours!r} became {theirs!r}"


def test_its_variables(board):
    """template-datasource, -job, -instance (but for allValue, see the sources), -on-time-change-reload"""
    source, job, instance = board["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    for variable, name in ((job, "job"), (instance, "instance")):
        assert (variable["name"], variable["type"], variable["datasource"]) == (name, "query", DATASOURCE)
        assert variable["label"] == name.capitalize()
        assert variable["multi"] and variable["includeAll"] and "allValue" not in variable
        assert variable["refresh"] == 2


def test_its_frame(board):
    assert board["title"].startswith("Rollcall / ") and board["description"]
    assert board["editable"] is False, "a change in Grafana would be lost"
    (link,) = board["links"]
    assert link["type"] == "dashboards" and link["tags"] == board["tags"] == ["rollcall"]
    assert link["includeVars"] and link["keepTime"]
    assert {"Starts", "Deploys"} <= {each["name"] for each in board["annotations"]["list"]}


def test_its_panels(board):
    """panel-datasource, -title-description, -units, -no-targets; and each says what it asks and what to do"""
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in dashboards.panels(board):
        title = panel["title"]
        assert title and panel["targets"], title
        assert panel["datasource"] == DATASOURCE, title
        assert all(query["datasource"] == DATASOURCE for query in panel["targets"]), title
        refs = [query["refId"] for query in panel["targets"]]
        assert len(set(refs)) == len(refs), title
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, title
        assert "?" in panel["description"], f"{title}: what question does it answer?"
        assert len(panel["description"].split("?", 1)[1]) > 20, f"{title}: what is to be done?"
    titles = [panel["title"] for panel in dashboards.panels(board)]
    assert len(titles) >= 8


def test_its_panels_lie_side_by_side(board):
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, f"{panel['title']} lies on another"
        taken |= cells


def test_its_links_lead_somewhere(board):
    for panel in dashboards.panels(board):
        for link in panel.get("links", []):
            uid = link["url"].removeprefix("/d/").split("?")[0]
            assert uid in BOARDS and uid != board["uid"], panel["title"]
            assert "${__all_variables}" in link["url"] and "${__url_time_range}" in link["url"]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.where)
def test_a_question(question):
    """target-promql, -rate-interval, -job, -instance, -counter-agg"""
    parsed = question.parsed()
    for selector, above in selectors(parsed):
        matchers = {(m.name, str(m.op), m.value) for m in selector.matchers.matchers}
        for label in ("job", "instance"):
            assert (label, "MatchOp.Re", f"${label}") in matchers, f"{selector.name} does not ask for ${label}"
        call = next((node for node in reversed(above) if isinstance(node, promql.Call)), None)
        is_counter = selector.name.endswith(("_total", "_bucket", "_sum", "_count"))
        counted = call is not None and call.func.name in COUNTING
        assert counted == is_counter, f"{selector.name}: a counter is asked for its rate, and nothing else is"
    for node, _ in dashboards.walk(parsed):
        if isinstance(node, promql.MatrixSelector):
            wanted = WHOLE_RANGE if question.instant else RATE_INTERVAL
            assert node.range.total_seconds() == int(wanted[:-1]), "a fixed range misleads at another zoom"
        if isinstance(node, promql.Call) and node.func.name in COUNTING:
            assert isinstance(node.args[0], promql.MatrixSelector), "a rate of a sum knows nothing of restarts"
