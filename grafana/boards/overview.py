"""Is delivery healthy? The first page of whoever is called."""

from .board import dashboard
from .parts import BAD, GOOD, WARN, quantiles, row, series, stat, steps, target

#: Of what was handed over, the share that did not end well, as the alerts count it.
FAILURES = (
    'sum(rate(rollcall_deliveries_total{@, outcome=~"failed|unconfirmed"}[$i]))'
    ' / sum(rate(rollcall_deliveries_total{@, outcome=~"handed_off|resumed|failed"}[$i]))'
)


def board():
    return dashboard(
        "overview",
        "Overview",
        "Is delivery healthy? If not: which of the other dashboards to open.",
        _now() + _way() + _doors(),
    )


def _now():
    return [
        row("Now"),
        stat(
            "Delivered",
            "Which share of hand-overs went well: not failed, and confirmed in time by clients that give receipts? "
            "Below 99.9 % the error budget burns: open Delivery, and find who misses messages at /admin.",
            "percentunit",
            f"1 - ({FAILURES})",
            decimals=2,
            thresholds=steps(BAD, (0.99, WARN), (0.999, GOOD)),
            leads_to="rollcall-delivery",
        ),
        stat(
            "Time to confirm, p99",
            "How long until 99 % of receipts came? People notice above a second. High: compare with the time to save "
            "and to hand over below; when both are low, it is the network or the clients.",
            "s",
            "histogram_quantile(0.99, sum by (le) (rate(rollcall_delivery_confirm_seconds_bucket{@}[$i])))",
            thresholds=steps(GOOD, (1, WARN), (5, BAD)),
            leads_to="rollcall-delivery",
        ),
        stat(
            "Unconfirmed now",
            "How many hand-overs, at sockets that are still connected, were tried four times and never confirmed? "
            "Above 0 for minutes: clients without a listener. /admin names them.",
            "short",
            "sum(rollcall_deliveries_unconfirmed{@})",
            decimals=0,
            thresholds=steps(GOOD, (1, WARN), (50, BAD)),
            leads_to="rollcall-delivery",
        ),
        stat(
            "Users online",
            "How many people are here? A user with sockets on two nodes counts on both. "
            "A sudden fall without a start: open Connections.",
            "short",
            "sum(rollcall_users_online{@})",
            decimals=0,
            leads_to="rollcall-connections",
        ),
        stat(
            "Messages saved",
            "How many messages come in, per second? Falls to 0 while users are online: look at the errors below.",
            "ops",
            'sum(rate(rollcall_messages_total{@, result="saved"}[$i]))',
            leads_to="rollcall-messages",
        ),
        stat(
            "Nodes scraped",
            "How many nodes answer Prometheus? Fewer than you run: one is down or cannot be reached; see Runtime.",
            "short",
            "sum(up{@})",
            decimals=0,
            thresholds=steps(BAD, (1, GOOD)),
            leads_to="rollcall-runtime",
        ),
    ]


def _way():
    return [
        row("A message's way"),
        series(
            "Messages by result",
            "What becomes of what is sent? `rejected` is the client's fault (its error is on Messages), `failed` is "
            "ours: open Messages and look at the store.",
            "ops",
            target("sum by (result) (rate(rollcall_messages_total{@}[$i]))", "{{result}}"),
            stack=True,
            leads_to="rollcall-messages",
        ),
        series(
            "Deliveries by outcome",
            "What becomes of messages at sockets? `confirmed` should follow `handed_off` where clients give receipts. "
            "`failed` and `unconfirmed` are misses: open Delivery.",
            "ops",
            target("sum by (outcome) (rate(rollcall_deliveries_total{@}[$i]))", "{{outcome}}"),
            leads_to="rollcall-delivery",
        ),
        series(
            "p99 of each stage",
            "Where is the time spent: saving, handing over, or on the way to the client and back? "
            "Saving is high: the disk, see Messages. Handing over is high: the node is overloaded, see Runtime.",
            "s",
            [
                *quantiles("rollcall_message_persist_seconds", name=" saved", which=(0.99,)),
                *quantiles("rollcall_broadcast_seconds", name=" handed over", which=(0.99,)),
                *quantiles("rollcall_delivery_confirm_seconds", name=" confirmed", which=(0.99,)),
            ],
        ),
        series(
            "Share of deliveries that failed",
            "Is the error budget of 99.9 % spent too fast? Above the line it lasts hours, not a month: "
            "an alert comes with it, whose page says what to do.",
            "percentunit",
            target(FAILURES, "failed or never confirmed"),
            limit=0.0144,
            leads_to="rollcall-delivery",
        ),
    ]


def _doors():
    return [
        row("Who is here, who is not let in"),
        series(
            "Connections",
            "How many sockets are open, by transport? Many at `polling` for long: WebSockets do not get through a "
            "proxy, see Connections.",
            "short",
            target('sum by (transport) (rollcall_connections{@, namespace="/"})', "{{transport}}"),
            stack=True,
            width=8,
            leads_to="rollcall-connections",
        ),
        series(
            "Refused handshakes by reason",
            "Who is turned away? After a deploy: `origin` is a forgotten ALLOWED_ORIGINS, `token` a changed secret, "
            "`path` or `protocol` an old client. /admin/rejected shows each with its remedy.",
            "ops",
            target("sum by (reason) (rate(rollcall_handshakes_rejected_total{@}[$i]))", "{{reason}}"),
            stack=True,
            width=8,
            leads_to="rollcall-connections",
        ),
        series(
            "Errors on our side",
            "Does the server itself fail? Anything above 0 is worth a look into the log: the store's kinds are on "
            "Messages, `internal` is a defect.",
            "ops",
            [
                target("sum(rate(rollcall_store_errors_total{@}[$i]))", "store"),
                target('sum(rate(rollcall_event_errors_total{@, code="internal"}[$i]))', "internal"),
                target('sum(rate(rollcall_http_requests_total{@, status=~"5.."}[$i]))', "HTTP 5xx"),
                target("sum(rate(rollcall_accept_errors_total{@}[$i]))", "accepting connections"),
            ],
            width=8,
            leads_to="rollcall-messages",
        ),
    ]
