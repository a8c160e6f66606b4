"""What the dashboards are made of.

In an expression `@` stands for the matchers that every selector must have, and `$i` for `$__rate_interval`:
`sum(rate(rollcall_messages_total{@, result="saved"}[$i]))`.
"""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
MATCHERS = 'job=~"$job", instance=~"$instance"'

#: One colour per meaning, everywhere, by the label that a line is named after. What is not named gets one of Grafana's own.
GOOD, WARN, BAD, CALM, QUIET = "green", "orange", "red", "blue", "text"
COLOURS = {
    "outcome": {
        "confirmed": GOOD,
        "handed_off": CALM,
        "resumed": "light-blue",
        "offline": QUIET,
        "repaired": "yellow",
        "retried": "light-orange",
        "lagging": WARN,
        "failed": BAD,
        "unconfirmed": "dark-red",
    },
    "result": {
        "saved": GOOD,
        "confirmed": GOOD,
        "verified": GOOD,
        "filled": GOOD,
        "duplicate": "light-blue",
        "closed": QUIET,
        "rejected": WARN,
        "refused": WARN,
        "failed": BAD,
        "unconfirmed": "dark-red",
    },
    "reason": {"client": QUIET, "shutdown": QUIET, "slow": WARN},
    "code": {"internal": BAD, "storage_unavailable": BAD},
}
QUANTILES = {"p50": "light-blue", "p90": "blue", "p99": "purple"}

WIDTH = 24


def expr(text):
    """The expression with its short forms written out."""
    return text.replace("@", MATCHERS).replace("$i]", "$__rate_interval]")


def target(text, legend="__auto", *, instant=False, fmt="time_series"):
    """One query. `refId` is given when the panel is made."""
    query = {"datasource": DATASOURCE, "editorMode": "code", "expr": expr(text), "legendFormat": legend, "format": fmt}
    return query | ({"instant": True, "range": False} if instant else {"instant": False, "range": True})


def quantiles(metric, by="", name="", which=(0.5, 0.9, 0.99)):
    """A histogram's usual quantiles over all chosen instances."""
    groups = f"le, {by}" if by else "le"
    return [
        target(
            f"histogram_quantile({q}, sum by ({groups}) (rate({metric}_bucket{{@}}[$i])))",
            f"p{round(q * 100)}{name}",
        )
        for q in which
    ]


def steps(*pairs):
    """Thresholds: the colour of the lowest values, then `(from, colour)`."""
    first, *others = pairs
    levels = [{"color": first, "value": None}] + [{"color": colour, "value": value} for value, colour in others]
    return {"mode": "absolute", "steps": levels}


def _override(name, properties):
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def _colours(targets):
    """Those that the lines of these queries can have."""
    found = {}
    for query in targets:
        legend = query["legendFormat"]
        named = COLOURS.get(legend.strip("{}"), {}) if legend.startswith("{{") else QUANTILES
        found |= {name: named[name] for name in named if legend.startswith("{{") or name == legend}
    return [
        _override(name, [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}])
        for name, colour in found.items()
    ]


def _panel(kind, title, description, unit, targets, width, height):
    targets = targets if isinstance(targets, list) else [targets]
    for at, query in enumerate(targets):
        query["refId"] = chr(ord("A") + at)
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets,
        "gridPos": {"w": width, "h": height, "x": 0, "y": 0},
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": {},
    }


def stat(
    title, description, unit, text, *, thresholds=None, decimals=None, mappings=None, width=4, leads_to=None, graph=True
):
    """One number that an operator reads first."""
    panel = _panel("stat", title, description, unit, target(text, title), width, 4)
    defaults = panel["fieldConfig"]["defaults"]
    defaults["thresholds"] = thresholds or steps(CALM)
    defaults["color"] = {"mode": "thresholds"}
    defaults["noValue"] = "no data"
    if decimals is not None:
        defaults["decimals"] = decimals
    if mappings:
        defaults["mappings"] = [
            {"type": "value", "options": {key: {"text": text, "index": at} for at, (key, text) in enumerate(mappings)}}
        ]
    panel["options"] = {
        "colorMode": "value",
        "graphMode": "area" if graph else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    if leads_to:
        panel["links"] = [lead(leads_to)]
    return panel


def series(
    title,
    description,
    unit,
    targets,
    *,
    stack=False,
    width=12,
    height=8,
    minimum=0,
    maximum=None,
    limit=None,
    leads_to=None,
):
    """Lines over time; with `limit`, a line at what is too much."""
    panel = _panel("timeseries", title, description, unit, targets, width, height)
    defaults = panel["fieldConfig"]["defaults"]
    defaults["color"] = {"mode": "palette-classic"}
    defaults["custom"] = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 25 if stack else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limit is not None else "off"},
    }
    if minimum is not None:
        defaults["min"] = minimum
    if maximum is not None:
        defaults["max"] = maximum
    if limit is not None:
        defaults["thresholds"] = steps("transparent", (limit, BAD))
    panel["fieldConfig"]["overrides"] = _colours(panel["targets"])
    panel["options"] = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    if leads_to:
        panel["links"] = [lead(leads_to)]
    return panel


def heatmap(title, description, unit, metric, *, width=12, height=8):
    """A histogram as it moves."""
    query = target(f"sum by (le) (increase({metric}_bucket{{@}}[$i]))", "{{le}}", fmt="heatmap")
    panel = _panel("heatmap", title, description, unit, query, width, height)
    panel["fieldConfig"]["defaults"]["custom"] = {"scaleDistribution": {"type": "linear"}}
    panel["options"] = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": "short"},
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 64, "reverse": False, "exponent": 0.5, "fill": "blue"},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"show": True, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    return panel


def table(title, description, unit, text, columns, *, width=12, height=8):
    """Values of the whole time span; `columns` maps a field to its heading, None hides it."""
    panel = _panel("table", title, description, unit, target(text, instant=True, fmt="table"), width, height)
    shown = {key: heading for key, heading in columns.items() if heading}
    hidden = {key: True for key, heading in columns.items() if not heading}
    panel["transformations"] = [
        {
            "id": "organize",
            "options": {"excludeByName": hidden | {"Time": True}, "indexByName": {}, "renameByName": shown},
        }
    ]
    panel["fieldConfig"]["defaults"]["custom"] = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    sort = shown.get("Value")
    panel["options"] = {
        "showHeader": True,
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
        "sortBy": [{"displayName": sort, "desc": True}] if sort else [],
    }
    return panel


def timeline(title, description, targets, good, bad, *, width=12, height=6):
    """1 or 0 over time, in words."""
    panel = _panel("state-timeline", title, description, "none", targets, width, height)
    defaults = panel["fieldConfig"]["defaults"]
    defaults["color"] = {"mode": "thresholds"}
    defaults["thresholds"] = steps(BAD, (1, GOOD))
    defaults["mappings"] = [
        {"type": "value", "options": {"0": {"text": bad, "index": 0}, "1": {"text": good, "index": 1}}}
    ]
    defaults["custom"] = {"lineWidth": 0, "fillOpacity": 70}
    panel["options"] = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return panel


def row(title):
    """A heading; what follows is below it."""
    return {
        "type": "row",
        "title": title,
        "collapsed": False,
        "panels": [],
        "gridPos": {"w": WIDTH, "h": 1, "x": 0, "y": 0},
    }


def lead(uid):
    """A link that keeps the time span and the choices."""
    name = uid.removeprefix("rollcall-")
    return {
        "title": f"More at {name}",
        "url": f"/d/{uid}?${{__url_time_range}}&${{__all_variables}}",
        "targetBlank": False,
    }
