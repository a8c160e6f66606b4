"""The processes, the bus between them, and the canary."""

from .board import dashboard
from .parts import BAD, GOOD, WARN, quantiles, row, series, stat, steps, table, target, timeline


def board():
    return dashboard(
        "runtime",
        "Runtime and nodes",
        "The processes, the bus between them, and the canary.",
        _now() + _canary() + _process() + _nodes() + _scrape(),
    )


def _now():
    return [
        row("Now"),
        stat(
            "Nodes scraped",
            "How many nodes answer Prometheus? Fewer than you run: see which below.",
            "short",
            "sum(up{@})",
            decimals=0,
            thresholds=steps(BAD, (1, GOOD)),
        ),
        stat(
            "Canary",
            "Do the built-in users reach each other on every node? 0 also where ROLLCALL_CANARY is off. Failing: "
            "messages do not arrive, whatever else is green.",
            "none",
            "min(rollcall_canary_up{@})",
            mappings=[("0", "failing or off"), ("1", "arrives")],
            thresholds=steps(BAD, (1, GOOD)),
            graph=False,
        ),
        stat(
            "Bus",
            "Do the nodes hear each other? Always up where there is one. Down: Redis or the way to it; messages "
            "arrive late, none is lost.",
            "none",
            "min(rollcall_bus_up{@})",
            mappings=[("0", "down"), ("1", "up")],
            thresholds=steps(BAD, (1, GOOD)),
            graph=False,
        ),
        stat(
            "Memory",
            "What does the fullest node take? About 20 KiB per idle connection. Growth without connections: a leak; "
            "restart it in order and report it.",
            "bytes",
            "max(process_resident_memory_bytes{@})",
        ),
        stat(
            "CPU",
            "How many cores does the busiest node use? Near what it has: spread connections over more nodes.",
            "short",
            "max(rate(process_cpu_seconds_total{@}[$i]))",
            decimals=2,
        ),
        stat(
            "File descriptors",
            "Which share of its descriptors does the fullest node hold? Each connection is one. Above 80 %: raise "
            "LimitNOFILE before connections are refused.",
            "percentunit",
            "max(process_open_fds{@} / process_max_fds{@})",
            thresholds=steps(GOOD, (0.8, WARN), (0.95, BAD)),
        ),
    ]


def _canary():
    return [
        row("Canary"),
        timeline(
            "Messages of the canary",
            "When did the built-in users not reach each other, and on which node? Compare with starts and with the "
            "store's errors.",
            target("min by (instance) (rollcall_canary_up{@})", "{{instance}}"),
            "arrive",
            "do not arrive, or off",
        ),
        series(
            "Time of the canary",
            "How long from sending to receipt, with a client that is never slow? Rises with the disk and with load: "
            "what it shows is ours, not the network's.",
            "s",
            quantiles("rollcall_canary_seconds"),
            height=6,
        ),
    ]


def _process():
    return [
        row("Processes"),
        series(
            "CPU",
            "How many cores does each node use? Compare with the sockets per message: fan-out is what costs.",
            "short",
            target("sum by (instance) (rate(process_cpu_seconds_total{@}[$i]))", "{{instance}}"),
            width=8,
        ),
        series(
            "Memory",
            "What does each node take? It follows connections, and the ledger up to 32 MiB.",
            "bytes",
            target("sum by (instance) (process_resident_memory_bytes{@})", "{{instance}}"),
            width=8,
        ),
        series(
            "Memory per connection",
            "What does a connection cost, all in all? Meaningful from some hundred connections on. Rising: sockets "
            "with full buffers, or a leak.",
            "bytes",
            target(
                "sum by (instance) (process_resident_memory_bytes{@})"
                ' / (sum by (instance) (rollcall_connections{@, namespace="/"}) > 0)',
                "{{instance}}",
            ),
            width=8,
        ),
        series(
            "File descriptors",
            "How close is each node to its limit? At it, connections are refused.",
            "short",
            [
                target("sum by (instance) (process_open_fds{@})", "{{instance}} open"),
                target("sum by (instance) (process_max_fds{@})", "{{instance}} limit"),
            ],
            width=8,
        ),
        series(
            "Threads",
            "How many threads does each node run? Two more than cores, and some for passwords and files. Growth: work "
            "that blocks.",
            "short",
            target("sum by (instance) (process_threads{@})", "{{instance}}"),
            width=8,
        ),
        series(
            "Virtual memory",
            "Does a node come near a limit that was set on its address space? Large is normal; only a limit (ulimit -v) "
            "makes it matter: lift that.",
            "bytes",
            target("sum by (instance) (process_virtual_memory_bytes{@})", "{{instance}}"),
            width=8,
        ),
    ]


def _nodes():
    return [
        row("Nodes and the bus"),
        timeline(
            "Nodes that answer",
            "Which node was away, and when? Down without a start after it: it was taken away, or Prometheus cannot "
            "reach it.",
            target("min by (instance) (up{@})", "{{instance}}"),
            "up",
            "down",
            width=8,
        ),
        series(
            "Nodes that each knows",
            "Do the nodes agree how many there are? If not, the bus is cut between some of them.",
            "short",
            target("max by (instance) (rollcall_nodes{@})", "{{instance}}"),
            width=8,
            height=6,
        ),
        timeline(
            "Bus between nodes",
            "When did a node not hear the others? Until it is back, messages of other nodes come by the slow look "
            "into the database.",
            target("min by (instance) (rollcall_bus_up{@})", "{{instance}}"),
            "up",
            "down",
            width=8,
        ),
        series(
            "Messages on the bus",
            "What do the nodes tell each other? `out` without `in` on another node: they do not share a bus.",
            "ops",
            target("sum by (direction, kind) (rate(rollcall_bus_messages_total{@}[$i])) > 0", "{{direction}} {{kind}}"),
            width=8,
        ),
        series(
            "Gaps on the bus",
            "Is anything lost between nodes? `filled`: read from the database, nobody noticed. `failed`: the database "
            "did not answer either, and is asked again.",
            "ops",
            target("sum by (result) (rate(rollcall_bus_gaps_total{@}[$i]))", "{{result}}"),
            width=8,
        ),
        table(
            "What runs",
            "Which version runs where? Two versions for longer than a deploy: it got stuck.",
            "short",
            "max by (instance, version, commit) (rollcall_build_info{@})",
            {"instance": "Instance", "version": "Version", "commit": "Commit", "Value": None},
            width=8,
        ),
    ]


def _scrape():
    return [
        row("Starts, scrapes and traces"),
        series(
            "Uptime",
            "Since when does each node run? Teeth that the deploys do not explain are crashes: look at the end of the "
            "log before each.",
            "s",
            target("time() - max by (instance) (process_start_time_seconds{@})", "{{instance}}"),
            width=8,
        ),
        series(
            "Time of a scrape",
            "How long does /metrics take? Some milliseconds. More: the node is short of CPU.",
            "s",
            target("max by (instance) (scrape_duration_seconds{@})", "{{instance}}"),
            width=8,
        ),
        series(
            "Series of a scrape",
            "How many series does a node have? Constant, whatever users do. Growth is a defect: report it.",
            "short",
            target("max by (instance) (scrape_samples_scraped{@})", "{{instance}}"),
            width=8,
        ),
        series(
            "Spans of traces",
            "Does the collector take what it is told? 0 where nothing is traced. `failed`: it does not answer, the log says "
            "why. `dropped`: it is too slow; trace a smaller share.",
            "ops",
            target("sum by (result) (rate(rollcall_trace_spans_total{@}[$i]))", "{{result}}"),
            width=8,
        ),
    ]
