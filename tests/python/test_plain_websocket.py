"""Clients without Socket.IO: JSON text frames on `/api/v1/ws/chat`."""

import json
import time

import pytest
import websocket

from rollcall import PATIENCE


class Plain:
    """One plain WebSocket. `frames` holds everything that came, in order."""

    def __init__(self, server, token=None, header=None, origin=None):
        query = f"?token={token}" if token else ""
        self.frames, self.ids = [], 0
        self.socket = websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/api/v1/ws/chat{query}",
            timeout=PATIENCE,
            header=header or [],
            origin=origin,
            # Only a browser says where its page is from.
            suppress_origin=origin is None,
        )

    def send(self, frame):
        self.socket.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))

    def read(self):
        """The next frame; `None` when the connection was closed, with its code in `closed`."""
        opcode, data = self.socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self.closed = int.from_bytes(data[:2], "big")
            return None
        frame = json.loads(data)
        self.frames.append(frame)
        return frame

    def hears(self, matches):
        for frame in self.frames:
            if matches(frame):
                return frame
        deadline = time.monotonic() + PATIENCE
        while (frame := self.read()) is not None:
            if matches(frame):
                return frame
            assert time.monotonic() < deadline, f"only heard {self.frames[-10:]}"
        raise AssertionError(f"closed with {self.closed}")

    def event(self, name, matches=lambda data: True):
        return self.hears(lambda frame: frame.get("event") == name and matches(frame["data"]))["data"]

    def call(self, event, data=None, id=None):
        self.ids += 1
        id = self.ids if id is None else id
        self.send({"event": event, "data": data, "id": id})
        return self.hears(lambda frame: frame.get("reply_to") == id)["data"]

    def must(self, event, data=None):
        answer = self.call(event, {} if data is None else data)
        assert answer["ok"] is True, answer
        return answer

    def until_closed(self):
        while self.read() is not None:
            pass
        return self.closed


@pytest.fixture
def plain(server):
    opened = []

    def plain(user, hello=None):
        opened.append(Plain(server, user["token"]))
        # Without a hello the server waits up to 1 s for one.
        opened[-1].send({"event": "hello", "data": hello or {}})
        opened[-1].session = opened[-1].event("session")
        return opened[-1]

    yield plain
    for one in opened:
        one.socket.close(timeout=1)


def test_it_sits_in_the_same_rooms_as_everyone(server, connect, plain):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    a, b = plain(alice), connect(bob)
    assert a.frames[0]["event"] == "session"
    assert a.session["user"]["id"] == alice["id"]
    believed = a.must("whoami")
    assert (believed["sid"], believed["transport"]) == (a.session["sid"], "plain-websocket")
    assert f"conversation:{group['id']}" in believed["rooms"]

    sent = b.send(group, "from Socket.IO")
    assert (sent["delivery"]["sockets"], sent["delivery"]["handed_off"]) == (2, 2)
    assert a.event("new_message") == sent["message"]
    answer = a.must("send_message", {"conversation_id": group["id"], "content": "from plain"})
    assert answer["delivery"]["handed_off"] == 2
    assert b.receives(group, 2)[1] == answer["message"]


def test_replies_echo_the_id_as_given(server, plain):
    one = plain(server.user("alice"))
    for id in (0, 7, "seven", "", 1.5):
        one.send({"event": "whoami", "data": {}, "id": id})
        reply = one.hears(lambda frame: "reply_to" in frame and frame["reply_to"] == id and type(frame["reply_to"]) is type(id))
        assert reply["data"]["ok"] is True


def test_it_resumes_by_its_hello(server, plain):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    for number in range(5):
        server.post(bob, group, f"missed {number}")
    one = plain(alice, {"resume": {group["id"]: 2}, "receipts": True, "client": "test/1"})
    assert one.session["resume"] == {group["id"]: {"recovered": True, "messages": 3}}
    server.post(bob, group, "live")
    one.event("new_message", lambda message: message["seq"] == 6)
    seqs = [frame["data"]["seq"] for frame in one.frames if frame.get("event") == "new_message"]
    assert seqs == [3, 4, 5, 6]


def test_without_a_hello_it_works_too(server):
    one = Plain(server, server.user("alice")["token"])
    # Any first event that is no hello means there is none.
    assert one.call("whoami", {})["ok"] is True
    assert one.event("session")
    late = one.call("hello", {})
    assert (late["ok"], late["error"]["code"]) == (False, "bad_request")
    silent = Plain(server, server.user("bob")["token"])
    assert silent.event("session")


def test_what_is_no_frame_is_answered(server, plain):
    one = plain(server.user("alice"))
    for frame in ("", "{", "[]", "null", "7", '"text"', "{}", '{"event": 7}', '{"data": {}}', b"\0\1"):
        before = len(one.frames)
        if isinstance(frame, bytes):
            one.socket.send_binary(frame)
        else:
            one.socket.send(frame)
        error = one.read()
        assert error is not None, f"{frame!r} closed the connection with {one.closed}"
        data = error["data"]
        assert len(one.frames) == before + 1
        assert (data["ok"], data["error"]["code"]) == (False, "bad_request"), f"{frame!r}: {error}"
    for event, data, field in [
        ("send_message", {"content": "x"}, "conversation_id"),
        ("no_such_event", {}, "no_such_event"),
        ("sync", {"conversation_id": "c", "after_seq": "1"}, "after_seq"),
    ]:
        refused = one.call(event, data)
        assert refused["error"]["code"] == "bad_request" and field in refused["error"]["message"]
        one.send({"event": event, "data": data})
        told = one.event("error", lambda error, event=event: error["event"] == event)
        assert told["ok"] is False


def test_a_frame_of_more_than_1_mib_is_closed_with_4413(server, plain):
    one = plain(server.user("alice"))
    one.send({"event": "send_message", "data": {"conversation_id": "c", "content": "x" * 1_100_000}})
    assert one.until_closed() == 4413


def test_an_expired_token_closes_with_4401(server, plain):
    alice = server.user("alice")
    one = plain({**alice, "token": server.token_for(alice, 4)})
    one.event("token_expiring")
    assert one.until_closed() == 4401


@pytest.mark.parametrize("token", [None, "rubbish", "expired"])
def test_a_bad_token_is_refused_before_the_upgrade(server, token):
    if token == "expired":
        token = server.token_for(server.user("alice"), -5)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Plain(server, token)
    assert refused.value.status_code == 401


def test_a_refused_origin_is_refused_before_the_upgrade(server):
    token = server.user("alice")["token"]
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Plain(server, token, origin="https://evil.example.net")
    assert refused.value.status_code == 403
    Plain(server, token, origin="http://127.0.0.1:4600").socket.close()


def test_the_token_may_come_as_a_header(server):
    one = Plain(server, header=[f"Authorization: Bearer {server.user('alice')['token']}"])
    assert one.event("session")
