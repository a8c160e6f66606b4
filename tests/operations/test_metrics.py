"""`/metrics` of a real server: no number of users, rooms, names and paths makes it grow, and it is quick."""

import http.client
import secrets
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from catalogue import scrape, series
from peers import Peer
from rollcall import PATIENCE, Server, free_port, until


@pytest.fixture(scope="module")
def server():
    server = Server(ROLLCALL_AUTO_PROVISION="true")
    yield server
    server.close()


def test_a_scrape_is_what_prometheus_expects(server):
    answer = scrape(server)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    done = subprocess.run(["promtool", "check", "metrics"], input=answer.content, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_no_junk_adds_a_series(server):
    """10,000 users, rooms, event names and paths, all of them new."""
    user = server.user("junk")
    peer = Peer(server).connect(user)
    server.post(user, server.group(user), "before")
    # Each kind of thing happens a few times before it is counted: a status that never was is a series of its own.
    _junk(server, user, peer, 2)
    before = series(scrape(server).text)
    _junk(server, user, peer, 250)
    after = series(scrape(server).text)
    peer.close()
    assert after - before == set()
    assert len(after) < 2_500, "ten times the series of a node would be a fault, and so is the beginning of it"


def _junk(server, user, peer, many):
    """40 times so many things, each under a name of its own."""
    for _ in range(12):
        for word in _words(many):
            peer.emit(f"event-{word}", {"conversation_id": word})
        for word in _words(many):
            peer.emit("join_conversation", {"conversation_id": word})
        # A socket's queue is bounded: what comes too fast is refused without being looked at.
        peer.settled()
    ask = Line(server)
    token = {"authorization": f"Bearer {user['token']}"}
    for word in _words(6 * many):
        ask("GET", f"/{word}/{word}")
    for word in _words(5 * many):
        ask("GET", f"/api/v1/conversations/{word}?{word}={word}", token)
    for word in _words(2 * many):
        # A token of an issuer that is trusted makes its user.
        ask(
            "GET",
            "/api/v1/auth/me",
            {"authorization": f"Bearer {server.token_for({'id': word, 'username': word}, 60)}"},
        )
    for word in _words(many):
        ask(f"X{word.upper()}", f"/{word}")
        ask("GET", f"/socket.io/?EIO=4&transport={word}")
        ask("GET", f"/{word}/?EIO=4&transport=polling", {"origin": f"https://{word}.example"})


def _words(many):
    return [secrets.token_hex(6) for _ in range(many)]


class Line:
    """One connection for many requests; what they are answered does not matter here."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)

    def __call__(self, method, where, headers=None):
        self.connection.request(method, where, headers=headers or {})
        self.connection.getresponse().read()


def test_many_sockets_make_it_no_slower(server):
    """What a scrape costs goes with the series, not with the sockets."""
    user = server.user("many")

    def open_one(_):
        """An Engine.IO session and a place in the namespace, by two requests: a socket that polls no further."""
        where = server.url + "/socket.io/?EIO=4&transport=polling"
        sid = requests.get(where, timeout=PATIENCE).text.split('"sid":"')[1].split('"')[0]
        packet = f'40{{"token":"{user["token"]}"}}'
        assert requests.post(f"{where}&sid={sid}", data=packet, timeout=PATIENCE).text == "ok"

    def quickest():
        """Of several, since a busy machine makes some slow."""
        times = []
        for _ in range(15):
            began = time.perf_counter()
            scrape(server)
            times.append(time.perf_counter() - began)
        return min(times)

    few = quickest()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_one, range(500)))
    until(
        "500 sockets are there",
        lambda: 'rollcall_connections{namespace="/",transport="polling"} 500' in scrape(server).text,
    )
    many = quickest()
    assert many < 2 * few + 0.005, f"{few * 1000:.1f} ms with a few sockets, {many * 1000:.1f} ms with 500"


def test_a_token_guards_it_and_another_listener_may_have_it():
    port = free_port()
    server = Server(ROLLCALL_METRICS_TOKEN="a-token", ROLLCALL_ADMIN_BIND=f"127.0.0.1:{port}")
    try:
        assert scrape(server, authorization="Bearer a-token").status_code == 404
        server.port = port
        assert scrape(server).status_code == 401
        assert scrape(server, authorization="Bearer another").status_code == 401
        assert scrape(server, authorization="Bearer a-token").ok
    finally:
        server.close()
