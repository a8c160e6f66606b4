import time
from types import SimpleNamespace

import pytest

from catalogue import scrape
from load import Load
from monitoring import Prometheus
from rollcall import Server, until

SAVED = "rollcall_messages_total{result='saved'}"


def saved_messages(server):
    """The messages that were saved, by the server's own account of now."""
    lines = [line for line in scrape(server).text.splitlines() if line.startswith("rollcall_messages_total")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if 'result="saved"' in line)


@pytest.fixture(scope="session")
def watched():
    """A server that was watched through an ordinary day and a power cut; Prometheus remembers all of it."""
    server = Server(ROLLCALL_CANARY="on")
    prometheus = load = None
    try:
        start = time.time()
        prometheus = Prometheus(server)
        until("the first scrape", lambda: prometheus.value("up{job='rollcall'}") == 1)
        load = Load(server)
        load.connect()
        ends = time.monotonic() + 8
        while time.monotonic() < ends:
            load.round()
        load.late_confirms()
        # It flies at once and then every 10 s: the second time is seen as a change, whenever the first scrape was.
        flights = "sum(rollcall_canary_seconds_count)"
        until("the canary has flown twice", lambda: (prometheus.value(flights) or 0) >= 2, 20)
        load.round()
        sent = saved_messages(server)
        until("the last round is scraped", lambda: (prometheus.value(f"sum({SAVED})") or 0) >= sent)
        server.kill()
        until("Prometheus sees that the server is gone", lambda: prometheus.value("up{job='rollcall'}") == 0)
        until("an alert is on its way", lambda: ("RollcallDown", "pending") in prometheus.alerts())
        alerts = prometheus.alerts()
        server.start_again()
        started = "changes(process_start_time_seconds{job='rollcall'}[5m])"
        until("the other process is scraped", lambda: prometheus.value(started) == 1)
        yield SimpleNamespace(
            server=server,
            instance=f"127.0.0.1:{server.port}",
            prometheus=prometheus,
            start=start,
            alerts_while_gone=alerts,
        )
    finally:
        for each in (load, prometheus, server):
            if each:
                each.close()
