"""Plain WebSockets with the library `websockets`, beside python-socketio."""

import contextlib
import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as open_websocket

from rollcall import PATIENCE


class Plain:
    """One connection; what comes is read when it is asked for."""

    def __init__(self, server, user, hello=None, **options):
        where = server.url.replace("http", "ws") + "/api/v1/ws/chat"
        headers = {"authorization": f"Bearer {user['token']}"} if user else {}
        self.opened = contextlib.ExitStack()
        opening = open_websocket(where, additional_headers=headers, open_timeout=PATIENCE, **options)
        self.socket = self.opened.enter_context(opening)
        self.ids = 0
        self.waiting = []
        if hello is not None:
            self.socket.send(json.dumps({"event": "hello", "data": hello}))

    def next(self, matches):
        for at, frame in enumerate(self.waiting):
            if matches(frame):
                return self.waiting.pop(at)
        while True:
            frame = json.loads(self.socket.recv(timeout=PATIENCE))
            if matches(frame):
                return frame
            self.waiting.append(frame)

    def hears(self, event):
        return self.next(lambda frame: frame.get("event") == event)["data"]

    def call(self, event, data=None):
        self.ids += 1
        self.socket.send(json.dumps({"event": event, "data": data, "id": self.ids}))
        return self.next(lambda frame: frame.get("reply_to") == self.ids)["data"]


@pytest.fixture
def plain(server):
    opened = []

    def plain(user, hello=None, **options):
        opened.append(Plain(server, user, hello if hello is not None else {}, **options))
        return opened[-1]

    yield plain
    for peer in opened:
        peer.opened.close()


def test_both_kinds_of_clients_hear_each_other(server, connect, plain):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    theirs, mine = connect(alice), plain(bob)
    session = mine.hears("session")
    assert [one["id"] for one in session["conversations"]] == [group["id"]]
    sent = theirs.send(group, "from Socket.IO")
    assert mine.hears("new_message") == sent["message"]
    answer = mine.call("send_message", {"conversation_id": group["id"], "content": "from a plain WebSocket"})
    assert answer["ok"] and answer["delivery"]["handed_off"] == 2
    assert theirs.receives(group, 2)[1] == answer["message"]
    assert mine.call("whoami")["transport"] == "plain-websocket"


def test_pings_are_answered_and_goodbyes_too(server, plain):
    peer = plain(server.user("alice"))
    peer.hears("session")
    assert peer.socket.ping().wait(PATIENCE)
    peer.socket.close(1000)
    with pytest.raises(ConnectionClosed):
        peer.socket.recv(timeout=PATIENCE)
    assert peer.socket.close_code == 1000


def test_a_bad_token_is_refused_before_the_upgrade(server):
    with pytest.raises(InvalidStatus) as refused:
        Plain(server, {"token": "nonsense"})
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["code"] == "unauthorized"


def test_a_large_message_is_closed_as_too_large(server, plain):
    peer = plain(server.user("alice"))
    peer.hears("session")
    with pytest.raises(ConnectionClosed):
        peer.socket.send(json.dumps({"event": "whoami", "data": "x" * 2_000_000}))
        peer.hears("nothing")
    assert peer.socket.close_code == 4413
