"""What comes in, how it is saved, what is refused."""

from .board import dashboard
from .parts import BAD, GOOD, WARN, heatmap, quantiles, row, series, stat, steps, target


def board():
    return dashboard(
        "messages",
        "Messages and storage",
        "What comes in, how it is saved, what is refused.",
        _now() + _messages() + _store() + _events() + _http(),
    )


def _now():
    return [
        row("Now"),
        stat(
            "Saved per second",
            "How busy is it? Falls to 0 while users are online: nothing can be saved, see the store's errors.",
            "ops",
            'sum(rate(rollcall_messages_total{@, result="saved"}[$i]))',
            width=6,
        ),
        stat(
            "Time to save, p99",
            "How long does a sender wait for the commit? 1 ms on NVMe, 10 ms on a slow disk. Above 0.1 s: the disk is "
            "busy, a backup runs, or the volume is throttled.",
            "s",
            "histogram_quantile(0.99, sum by (le) (rate(rollcall_message_persist_seconds_bucket{@}[$i])))",
            thresholds=steps(GOOD, (0.1, WARN), (0.5, BAD)),
            width=6,
        ),
        stat(
            "Writes waiting",
            "Does the writer keep up? The queue holds 4,096; then senders wait. Not falling: the disk is too slow.",
            "short",
            "max(rollcall_store_queue_depth{@})",
            decimals=0,
            thresholds=steps(GOOD, (500, WARN), (3000, BAD)),
            width=6,
        ),
        stat(
            "Errors of the database",
            "Does the database fail, per second? By kind below: `full` and `readonly` are the disk, `connection` the "
            "way to it. Nothing is sent that was not saved.",
            "ops",
            "sum(rate(rollcall_store_errors_total{@}[$i]))",
            thresholds=steps(GOOD, (0.001, WARN), (1, BAD)),
            width=6,
        ),
    ]


def _messages():
    return [
        row("Messages"),
        series(
            "By way in",
            "How do messages come: Socket.IO, plain WebSocket, REST, or services that post for others? One that falls to 0 "
            "while the others go on: that kind of client, or the service, is broken.",
            "ops",
            target("sum by (via) (rate(rollcall_messages_total{@}[$i]))", "{{via}}"),
            stack=True,
            width=8,
        ),
        series(
            "By result",
            "What becomes of them? `duplicate`: clients that send again, as they should. `rejected`: the codes are "
            "below. `failed`: the store, see its errors.",
            "ops",
            target("sum by (result) (rate(rollcall_messages_total{@}[$i]))", "{{result}}"),
            stack=True,
            width=8,
        ),
        series(
            "Saved by instance",
            "Is one node silent? Then nobody can reach it, or it cannot save.",
            "ops",
            target('sum by (instance) (rate(rollcall_messages_total{@, result="saved"}[$i]))', "{{instance}}"),
            stack=True,
            width=8,
        ),
    ]


def _store():
    return [
        row("Storage"),
        series(
            "Time to save",
            "How long from a message's acceptance to its commit, waiting included? Rising with the queue: the disk. "
            "Rising without it: a long transaction of somebody else on the file.",
            "s",
            quantiles("rollcall_message_persist_seconds"),
            limit=0.5,
        ),
        heatmap(
            "Time to save, all of it",
            "Is every commit slow, or some? Bands at a distance are a disk that flushes now and then.",
            "s",
            "rollcall_message_persist_seconds",
        ),
        series(
            "Writes waiting",
            "Does the writer keep up? Peaks are normal; a plateau is a disk that is too slow for the load.",
            "short",
            target("max by (instance) (rollcall_store_queue_depth{@})", "{{instance}}"),
            limit=3000,
            width=8,
        ),
        series(
            "Writes per commit",
            "How well are writes grouped? 1 is a calm server; larger groups are how it keeps up. At 512 it is at its "
            "limit.",
            "short",
            [
                target(
                    "sum(rate(rollcall_store_batch_size_sum{@}[$i])) / sum(rate(rollcall_store_batch_size_count{@}[$i]))",
                    "average",
                ),
                *quantiles("rollcall_store_batch_size", which=(0.99,)),
            ],
            width=8,
        ),
        series(
            "Errors of the database by kind",
            "What is wrong with it? `full`: free the disk. `readonly`: permissions, or the file was exchanged. "
            "`busy`: another process holds a lock. `connection`: the database or the way to it. /health/ready says 503.",
            "ops",
            target("sum by (kind) (rate(rollcall_store_errors_total{@}[$i]))", "{{kind}}"),
            stack=True,
            width=8,
        ),
    ]


def _events():
    return [
        row("Events"),
        series(
            "From clients",
            "What do clients do? `other` are names that do not exist: a client's typing error, or another program.",
            "ops",
            target('sum by (event) (rate(rollcall_events_total{@, direction="in"}[$i])) > 0', "{{event}}"),
        ),
        series(
            "To clients",
            "What do clients get? `new_message` grows with groups; `presence` with coming and going.",
            "ops",
            target('sum by (event) (rate(rollcall_events_total{@, direction="out"}[$i])) > 0', "{{event}}"),
        ),
        series(
            "Refused events by code",
            "What do clients do wrong? `bad_request` after a release: the client and the protocol differ. "
            "`not_participant`: ids mixed up. `internal` and `storage_unavailable` are ours.",
            "ops",
            target("sum by (code) (rate(rollcall_event_errors_total{@}[$i])) > 0", "{{code}}"),
            stack=True,
        ),
        series(
            "Numbers where ids belong",
            'Does a client send 42 where "42" is meant? It is accepted, and a sign of a client that will compare them '
            "wrongly itself.",
            "ops",
            target("sum by (instance) (rate(rollcall_coerced_ids_total{@}[$i]))", "{{instance}}"),
        ),
    ]


def _http():
    return [
        row("HTTP"),
        series(
            "Requests by status",
            "How does the API answer? 401 and 403: tokens and origins. 429: limits. 5xx: ours, with a request id in "
            "the log.",
            "reqps",
            target("sum by (status) (rate(rollcall_http_requests_total{@}[$i])) > 0", "{{status}}"),
            stack=True,
            width=8,
        ),
        series(
            "p99 by route",
            "Which route is slow? Signing in takes 0.1 to 0.25 s on purpose. Admin pages should stay below 50 ms.",
            "s",
            quantiles("rollcall_http_request_seconds", by="route", name=" {{route}}", which=(0.99,)),
            width=8,
        ),
        series(
            "Failures on our side by route",
            "Which route answers 5xx? 503 is the database or a stop; 504 took over 30 s; 500 is a defect.",
            "reqps",
            target(
                'sum by (route, status) (rate(rollcall_http_requests_total{@, status=~"5.."}[$i])) > 0',
                "{{route}} {{status}}",
            ),
            width=8,
        ),
    ]
