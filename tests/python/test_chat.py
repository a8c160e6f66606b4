"""The main points of the contract with python-socketio."""

import time

import pytest
import socketio

from peers import Peer
from rollcall import until


def test_session_and_verified_rooms(server, connect, kind):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    server.post(bob, group, "hello")
    peer = connect(alice, kind)
    assert peer.log[0][0] == "session"
    assert peer.session["sid"] == peer.client.get_sid()
    assert peer.session["user"]["id"] == alice["id"]
    [mine] = peer.session["conversations"]
    assert (mine["id"], mine["last_seq"], mine["unread"]) == (group["id"], 1, 1)
    believed = peer.must("whoami")
    assert sorted(believed["rooms"]) == sorted(
        [f"user:{alice['id']}", peer.session["sid"], f"conversation:{group['id']}"]
    )
    assert believed["transport"] == kind[1]


def test_a_message_reaches_every_socket_of_every_participant(server, connect, kind):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    peers = [connect(alice, kind), connect(alice, kind), connect(bob, kind)]
    sent = peers[0].send(group, "hello", client_message_id="m-1")
    assert sent["duplicate"] is False
    assert sent["delivery"] == {"participants": 2, "online": 2, "sockets": 3, "handed_off": 3, "failed": 0, "repaired": 0}
    for peer in peers:
        assert peer.receives(group, 1) == [sent["message"]]
    again = peers[0].send(group, "hello", client_message_id="m-1")
    assert (again["duplicate"], again["message"], again["delivery"]["handed_off"]) == (True, sent["message"], 0)
    for peer in peers:
        peer.settled()
        assert len(peer.messages(group)) == 1


def test_messages_keep_their_order(server, connect, kind):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    sender, receiver = connect(alice, kind), connect(bob, kind)
    for number in range(200):
        sender.emit("send_message", {"conversation_id": group["id"], "content": str(number)})
    for peer in (sender, receiver):
        messages = peer.receives(group, 200)
        if kind[0] == "sync":
            # The sync client runs each handler in a thread of its own: what it hears in which order says nothing.
            messages = sorted(messages, key=lambda message: message["seq"])
        assert [message["content"] for message in messages] == [str(number) for number in range(200)]
        assert [message["seq"] for message in messages] == list(range(1, 201))


@pytest.mark.parametrize(
    "text", ["a\0b", "👩‍👩‍👧‍👦 😀", "שלום \u202eabc", "zero\u200bwidth\ufeff", "<b onclick='x'>&amp;</b>", " \t a\r\n "]
)
def test_text_is_kept_as_it_is(server, connect, kind, text):
    alice = server.user("alice")
    group = server.group(alice)
    peer = connect(alice, kind)
    peer.send(group, text)
    assert peer.receives(group, 1)[0]["content"] == text


def test_resume_gives_what_was_missed_and_then_goes_on(server, connect, kind):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    for number in range(5):
        server.post(bob, group, f"missed {number}")
    peer = connect(alice, kind, resume={group["id"]: 2})
    assert peer.session["resume"] == {group["id"]: {"recovered": True, "messages": 3}}
    server.post(bob, group, "live")
    assert [message["seq"] for message in peer.receives(group, 4)] == [3, 4, 5, 6]


def test_wrong_shapes_are_named(server, connect, kind):
    peer = connect(server.user("alice"), kind)
    for event, data, field in [
        ("send_message", {"content": "x"}, "conversation_id"),
        ("send_message", {"conversation_id": 4.5, "content": "x"}, "conversation_id"),
        ("send_message", {"conversation_id": "c", "content": 7}, "content"),
        ("send_message", None, "data"),
        ("sync", {"conversation_id": "c", "after_seq": -1}, "after_seq"),
        ("no_such_event", {}, "no_such_event"),
    ]:
        assert field in peer.refused("bad_request", event, data)["message"]
    peer.emit("send_message", {"content": "x"})
    error = peer.hears("error")
    assert error["ok"] is False and error["event"] == "send_message" and error["error"]["code"] == "bad_request"


def test_a_bad_token_is_refused_with_its_code(server, kind):
    alice = server.user("alice")
    for token, code in [("rubbish", "unauthorized"), (server.token_for(alice, -5), "token_expired"), (None, "unauthorized")]:
        peer = Peer(server, kind)
        began = time.monotonic()
        with pytest.raises(socketio.exceptions.ConnectionError):
            peer.open({"token": token})
        # A client that hears of it too early does not say that it goes, and is let go after 20 s only.
        assert time.monotonic() - began < 10
        why = peer.hears("connect_error")
        message = why["message"] if isinstance(why, dict) else str(why)
        assert message.startswith(code + ":"), message


def test_an_expired_token_ends_the_connection(server, connect, kind):
    alice = server.user("alice")
    peer = connect({**alice, "token": server.token_for(alice, 4)}, kind)
    peer.hears("token_expiring")
    until("the connection is closed", lambda: bool(peer.heard("disconnect")))


def test_leaving_stops_live_messages_and_joining_brings_the_missed(server, connect, kind):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    peer = connect(alice, kind)
    assert peer.must("leave_conversation", {"conversation_id": group["id"]})["verified"] is True
    server.post(bob, group, "unseen")
    peer.settled()
    assert peer.messages(group) == []
    joined = peer.must("join_conversation", {"conversation_id": group["id"], "after_seq": 0})
    assert [message["content"] for message in joined["missed"]] == ["unseen"]
    server.post(bob, group, "seen")
    assert [message["content"] for message in peer.receives(group, 1)] == ["seen"]
