"""Who is here, who comes and goes, and who is not let in."""

from .board import dashboard
from .parts import BAD, GOOD, WARN, row, series, stat, steps, table, target

BROKEN = "transport_close|transport_error|ping_timeout|slow|protocol"


def board():
    return dashboard(
        "connections",
        "Connections",
        "Who is here, who comes and goes, and who is not let in.",
        _now() + _here() + _coming() + _refused(),
    )


def _now():
    return [
        row("Now"),
        stat(
            "Connections",
            "How many sockets of the chat are open? A fall without a deploy: look at the closes by reason.",
            "short",
            'sum(rollcall_connections{@, namespace="/"})',
            decimals=0,
        ),
        stat(
            "Users online",
            "How many people are here? A user with sockets on two nodes counts on both. Far fewer than connections: "
            "many tabs, or clients that connect again without closing.",
            "short",
            "sum(rollcall_users_online{@})",
            decimals=0,
        ),
        stat(
            "Conversation rooms",
            "In how many conversations is somebody present? 0 while users are online: nobody gets into a room.",
            "short",
            'sum(rollcall_rooms{@, namespace="/"})',
            decimals=0,
        ),
        stat(
            "On polling",
            "Which share has no WebSocket? A few seconds after a connect is normal. Above a third for long: a proxy "
            "does not let upgrades through; see deploy/nginx.conf.",
            "percentunit",
            'sum(rollcall_connections{@, namespace="/", transport="polling"}) / sum(rollcall_connections{@, namespace="/"})',
            thresholds=steps(GOOD, (0.1, WARN), (0.33, BAD)),
        ),
        stat(
            "Refused of all who came",
            "Which share of handshakes is refused? The table below says why; /admin/rejected says who and what helps.",
            "percentunit",
            "sum(rate(rollcall_handshakes_rejected_total{@}[$i])) / "
            "(sum(rate(rollcall_handshakes_rejected_total{@}[$i])) + sum(rate(rollcall_connections_opened_total{@}[$i])))",
            thresholds=steps(GOOD, (0.05, WARN), (0.2, BAD)),
        ),
        stat(
            "Closed by a fault",
            "How many connections break rather than being closed, per second? Compare with the opens: clients come "
            "back by themselves. A storm of it: a proxy's timeout, a network, a node.",
            "ops",
            f'sum(rate(rollcall_disconnections_total{{@, reason=~"{BROKEN}"}}[$i]))',
        ),
    ]


def _here():
    return [
        row("Who is here"),
        series(
            "By transport",
            "How do people connect? Polling that does not turn into WebSocket costs CPU: look at the proxy.",
            "short",
            target('sum by (transport) (rollcall_connections{@, namespace="/"})', "{{transport}}"),
            stack=True,
            width=8,
        ),
        series(
            "By instance",
            "Is the load spread? After a node's restart the others hold more; a balancer that sticks evens out slowly.",
            "short",
            target('sum by (instance) (rollcall_connections{@, namespace="/"})', "{{instance}}"),
            stack=True,
            width=8,
        ),
        series(
            "Users, rooms, admins",
            "Do the figures fit together? Connections without rooms: joins fail, see Delivery. `/admin` are operators "
            "with the Socket.IO Admin UI.",
            "short",
            [
                target("sum(rollcall_users_online{@})", "users online"),
                target('sum(rollcall_rooms{@, namespace="/"})', "rooms"),
                target('sum(rollcall_connections{@, namespace="/admin"})', "sockets of /admin"),
            ],
            width=8,
        ),
    ]


def _coming():
    return [
        row("Who comes and goes"),
        series(
            "Opened by transport",
            "How many come, per second? A peak after a start is everybody coming back. Constant peaks without closes "
            "by `client`: a loop of reconnects; `explain` calls it reconnect_loop.",
            "ops",
            target("sum by (transport) (rate(rollcall_connections_opened_total{@}[$i]))", "{{transport}}"),
            stack=True,
        ),
        series(
            "Closed by reason",
            "Why do connections end? `client`, `shutdown`, `token`, `admin` are meant. `ping_timeout`: networks, or a "
            "proxy that times out. `transport_close`: closed tabs, lost networks. `slow`: readers that stopped.",
            "ops",
            target("sum by (reason) (rate(rollcall_disconnections_total{@}[$i]))", "{{reason}}"),
            stack=True,
        ),
        series(
            "Average life of a connection",
            "How long does a connection live, about: those open divided by those that end per second? Minutes where "
            "it was hours: something cuts them, often a proxy's timeout under 45 s.",
            "s",
            target(
                'sum(rollcall_connections{@, namespace="/"}) / sum(rate(rollcall_disconnections_total{@}[$i]))',
                "average life",
            ),
        ),
        series(
            "Closed by a fault, by instance",
            "Is it one node? Then look at that node and its network; on all nodes, at what is in front of them.",
            "ops",
            target(
                f'sum by (instance) (rate(rollcall_disconnections_total{{@, reason=~"{BROKEN}"}}[$i]))', "{{instance}}"
            ),
        ),
    ]


def _refused():
    return [
        row("Who is not let in"),
        series(
            "Refused handshakes by reason",
            "Who is turned away? `origin`: ALLOWED_ORIGINS. `token`: expired or a changed secret. `path`, `protocol`, "
            "`namespace`: a client's configuration. `rate`: one address connects too often, or the proxy's own is seen "
            "for all (ROLLCALL_TRUSTED_PROXIES).",
            "ops",
            target("sum by (reason) (rate(rollcall_handshakes_rejected_total{@}[$i]))", "{{reason}}"),
            stack=True,
        ),
        table(
            "Refused in this time span",
            "Which reason is the largest? Begin there: /admin/rejected lists the latest of each, with what came and "
            "what would have been right.",
            "short",
            "sum by (reason) (increase(rollcall_handshakes_rejected_total{@}[$__range]))",
            {"reason": "Reason", "Value": "Refused"},
        ),
        series(
            "Limits that were hit",
            "Whom do the rate limits stop? `connects` and `logins` go by address: behind a proxy that is not trusted "
            "all share one. `messages` is per user: a script, or a limit too low for your clients.",
            "ops",
            target("sum by (limit) (rate(rollcall_rate_limited_total{@}[$i]))", "{{limit}}"),
            stack=True,
            width=8,
        ),
        series(
            "Answers of /socket.io/ by status",
            "Does the transport answer? 101 is an upgrade, 200 a poll. 400 and 403 are refused handshakes; 5xx is ours.",
            "ops",
            target(
                'sum by (status) (rate(rollcall_http_requests_total{@, route=~"/socket.io/|/api/v1/ws/chat"}[$i])) > 0',
                "{{status}}",
            ),
            stack=True,
            width=8,
        ),
        series(
            "Connections that could not be accepted",
            "Does the kernel refuse us sockets? Then file descriptors are short: raise LimitNOFILE, see Runtime.",
            "ops",
            target("sum by (instance) (rate(rollcall_accept_errors_total{@}[$i]))", "{{instance}}"),
            width=8,
        ),
    ]
