"""Who gets messages, how fast, and what did not go by the book."""

from .board import dashboard
from .overview import FAILURES
from .parts import BAD, GOOD, WARN, heatmap, quantiles, row, series, stat, steps, target


def board():
    return dashboard(
        "delivery",
        "Delivery",
        "Who gets messages, how fast, and what did not go by the book.",
        _now() + _outcomes() + _time() + _rooms() + _ledger(),
    )


def _now():
    return [
        row("Now"),
        stat(
            "Delivered",
            "Which share of hand-overs went well? Below 99.9 %: the outcomes below say how they end, "
            "/admin says whose they are.",
            "percentunit",
            f"1 - ({FAILURES})",
            decimals=2,
            thresholds=steps(BAD, (0.99, WARN), (0.999, GOOD)),
            width=6,
        ),
        stat(
            "Unconfirmed now",
            "How many hand-overs at connected sockets were given up after four attempts? Clients that promised "
            "receipts and give none: no listener, or a page that sleeps. `explain` names the cause.",
            "short",
            "sum(rollcall_deliveries_unconfirmed{@})",
            decimals=0,
            thresholds=steps(GOOD, (1, WARN), (50, BAD)),
            width=6,
        ),
        stat(
            "Retries that helped",
            "Of the deliveries that were tried again, how many were confirmed after all? Low: the clients do not "
            "listen, and trying again will not help; look for a client that was just released.",
            "percentunit",
            'sum(rate(rollcall_retries_total{@, result="confirmed"}[$i])) / sum(rate(rollcall_retries_total{@}[$i]))',
            thresholds=steps(BAD, (0.5, WARN), (0.9, GOOD)),
            width=6,
        ),
        stat(
            "Messages to nobody",
            "Which share of messages found no socket on the node that announced them? One node: everybody of that "
            "conversation is offline, or nobody got into a room: look at Users online. Several nodes: some is normal.",
            "percentunit",
            "sum(rate(rollcall_broadcasts_empty_total{@}[$i])) / sum(rate(rollcall_broadcast_sockets_count{@}[$i]))",
            thresholds=steps(GOOD, (0.5, WARN), (0.9, BAD)),
            width=6,
        ),
    ]


def _outcomes():
    return [
        row("What became of messages"),
        series(
            "Deliveries by outcome",
            "What becomes of messages at sockets? One delivery can count under several outcomes: handed over, "
            "repaired, retried, confirmed. Where clients give receipts, `confirmed` follows `handed_off`.",
            "ops",
            target("sum by (outcome) (rate(rollcall_deliveries_total{@}[$i]))", "{{outcome}}"),
        ),
        series(
            "What did not go by the book",
            "Which fault is at work? `repaired`: somebody was not in the room (an admin's leave, or a defect). "
            "`lagging`: slow readers. `retried`, `unconfirmed`: no receipts come. `failed`: the socket was gone.",
            "ops",
            target(
                'sum by (outcome) (rate(rollcall_deliveries_total{@, outcome=~"failed|unconfirmed|repaired|lagging|retried"}[$i]))',
                "{{outcome}}",
            ),
        ),
        series(
            "Share of deliveries that failed, by instance",
            "Is one node worse than the others? Then it is that node, not the clients: restart it after looking at "
            "its log and at Runtime.",
            "percentunit",
            target(
                'sum by (instance) (rate(rollcall_deliveries_total{@, outcome=~"failed|unconfirmed"}[$i]))'
                ' / sum by (instance) (rate(rollcall_deliveries_total{@, outcome=~"handed_off|resumed|failed"}[$i]))',
                "{{instance}}",
            ),
            limit=0.0144,
        ),
        series(
            "Retries by how they ended",
            "Does trying again help? `confirmed`: a hiccup that nobody noticed. `unconfirmed`: given up after 45 s. "
            "`closed`: the connection ended first, and the client resumes.",
            "ops",
            target("sum by (result) (rate(rollcall_retries_total{@}[$i]))", "{{result}}"),
            stack=True,
        ),
    ]


def _time():
    return [
        row("How long it took"),
        series(
            "Time to confirm",
            "How long from the hand-over to the client's receipt? Steps at 5, 15 and 35 s are the retries. p50 low "
            "and p99 high: some clients; both high: the network or this node.",
            "s",
            quantiles("rollcall_delivery_confirm_seconds"),
        ),
        heatmap(
            "Time to confirm, all of it",
            "Is there a second group of slow clients that a quantile hides? A band of its own far up is a network or "
            "a client version: compare its start with the deploys.",
            "s",
            "rollcall_delivery_confirm_seconds",
        ),
        series(
            "Time to hand over",
            "How long from the commit to the last socket's buffer? Above 25 ms at p99 the node is overloaded: see "
            "CPU on Runtime, and the largest groups below.",
            "s",
            quantiles("rollcall_broadcast_seconds"),
            limit=0.025,
        ),
        series(
            "Sockets per message",
            "How large are the groups that are written to? Growth explains longer hand-overs and more CPU.",
            "short",
            [
                target(
                    "sum(rate(rollcall_broadcast_sockets_sum{@}[$i])) / sum(rate(rollcall_broadcast_sockets_count{@}[$i]))",
                    "average",
                ),
                *quantiles("rollcall_broadcast_sockets", which=(0.5, 0.99)),
            ],
        ),
    ]


def _rooms():
    return [
        row("Rooms, resuming, slow readers"),
        series(
            "Joins of rooms by result",
            "Do people get into their rooms? `failed` is a defect of the server: the live room did not show the "
            "socket. `refused` is a client that asks for what is not its own.",
            "ops",
            target("sum by (result) (rate(rollcall_room_joins_total{@}[$i]))", "{{result}}"),
            stack=True,
            width=8,
        ),
        series(
            "Repairs",
            "How often was a participant online but not in the room, and was put back by the next message? Should be "
            "0, except after an admin's leave. Rising: the log names the sockets.",
            "ops",
            target("sum by (instance) (rate(rollcall_room_repairs_total{@}[$i]))", "{{instance}}"),
            width=8,
        ),
        series(
            "Messages to nobody",
            "How many messages found no socket on their node? With users online and one node, look whether they are "
            "in their rooms: /admin/rooms.",
            "ops",
            target("sum by (instance) (rate(rollcall_broadcasts_empty_total{@}[$i]))", "{{instance}}"),
            width=8,
        ),
        series(
            "Missed messages handed over on return",
            "How much do returning clients catch up? A peak after a start is right. Constant: connections break all "
            "the time, see the closes on Connections.",
            "ops",
            target("sum by (instance) (rate(rollcall_resumed_messages_total{@}[$i]))", "{{instance}}"),
            width=8,
        ),
        series(
            "Sockets that lag",
            "How often does a socket fall behind, and how often is one cut for it? A full buffer loses nothing: the "
            "rest comes from the store. Many cuts: people on bad networks, or a client that stopped reading.",
            "ops",
            [
                target('sum(rate(rollcall_deliveries_total{@, outcome="lagging"}[$i]))', "lagging"),
                target('sum(rate(rollcall_disconnections_total{@, reason="slow"}[$i]))', "slow"),
            ],
            width=8,
        ),
        series(
            "Participants that were away",
            "How many deliveries wait for people who are offline? They get them on return; nothing to do. High "
            "beside few users online: a night, or nobody can connect, see Connections.",
            "ops",
            target('sum(rate(rollcall_deliveries_total{@, outcome="offline"}[$i]))', "offline"),
            width=8,
        ),
    ]


def _ledger():
    return [
        row("The ledger: what `explain` remembers"),
        series(
            "Memory of the ledger",
            "How much is remembered about deliveries? It may grow to 32 MiB; then the oldest goes.",
            "bytes",
            target("sum by (instance) (rollcall_ledger_bytes{@})", "{{instance}}"),
            width=8,
        ),
        series(
            "Entries of the ledger",
            "How many broadcasts, sockets and exceptions are remembered? A jump of exceptions comes with faults above.",
            "short",
            target("sum by (instance) (rollcall_ledger_entries{@})", "{{instance}}"),
            width=8,
        ),
        series(
            "Entries given up early",
            "Does the ledger forget before its time? Then `explain` knows less of the last hours: exceptions are "
            "still in the database, hand-overs that went well are not.",
            "ops",
            target("sum by (instance) (rate(rollcall_ledger_evicted_total{@}[$i]))", "{{instance}}"),
            width=8,
        ),
    ]
