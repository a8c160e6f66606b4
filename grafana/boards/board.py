"""The frame around the panels: variables, annotations, links, places."""

from .parts import DATASOURCE, WIDTH, expr

TAG = "rollcall"


def _variable(name, label, query, description):
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": f"variable-{name}"},
        # Asked again when the time span changes: an instance of yesterday is found when yesterday is looked at.
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        # No `allValue` of `.+`, as the linter would have it: All means all of Rollcall, and not Prometheus' own `up` and
        # `process_*`.
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "skipUrlSync": False,
        "options": [],
        "regex": "",
    }


def _variables():
    datasource = {
        "name": "datasource",
        "label": "Data source",
        "description": "The Prometheus that scrapes Rollcall",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }
    return [
        datasource,
        _variable("job", "Job", "label_values(rollcall_build_info, job)", "One deployment of Rollcall"),
        _variable("instance", "Instance", 'label_values(rollcall_build_info{job=~"$job"}, instance)', "One node"),
    ]


def _annotation(name, colour, text, **more):
    return {
        "name": name,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "datasource": DATASOURCE,
        "expr": expr(text),
        "step": "60s",
    } | more


def _annotations():
    grafana = {
        "name": "Annotations & Alerts",
        "type": "dashboard",
        "builtIn": 1,
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    }
    return [
        grafana,
        # The value is the moment: a start is marked where it was, not where it was first scraped.
        _annotation(
            "Starts",
            "orange",
            "process_start_time_seconds{@} * 1000",
            useValueForTime=True,
            titleFormat="{{instance}} started",
        ),
        _annotation(
            "Deploys",
            "blue",
            "count by (version, commit) (rollcall_build_info{@})"
            " unless count by (version, commit) (rollcall_build_info{@} offset 1m)",
            titleFormat="Deployed {{version}}",
            textFormat="commit {{commit}}",
        ),
    ]


def _placed(panels):
    """Numbers the panels and puts them side by side, a new line where one is full."""
    x = y = height = 0
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
        place = panel["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, height = 0, y + height, 0
        place["x"], place["y"] = x, y
        x += place["w"]
        height = max(height, place["h"])
    return panels


def dashboard(name, title, description, panels):
    """The whole, as Grafana keeps it."""
    uid = f"{TAG}-{name}"
    return {
        "uid": uid,
        "title": f"Rollcall / {title}",
        "description": description,
        "tags": [TAG],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "weekStart": "",
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "links": [
            {
                "type": "dashboards",
                "title": "Rollcall",
                "icon": "external link",
                "tooltip": "The other dashboards of Rollcall, with the same time span and choices",
                "url": "",
                "tags": [TAG],
                "asDropdown": False,
                "includeVars": True,
                "keepTime": True,
                "targetBlank": False,
            }
        ],
        "annotations": {"list": _annotations()},
        "templating": {"list": _variables()},
        "panels": _placed(panels),
    }
