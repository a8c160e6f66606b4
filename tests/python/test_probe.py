"""The admin's probe, answered by python-socketio."""

from peers import Peer


def probe(server, room, expected=(200,), **more):
    token = server.ask("POST", "/api/v1/auth/login", body={"username": "admin", "password": "admin-password"})["token"]
    return server.ask("POST", "/admin/api/probe", token, {"room": room, **more}, expected)


def test_a_probe_is_acknowledged(server, connect, kind):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    room = f"conversation:{group['id']}"
    peers = [connect(alice, kind), connect(bob, kind)]
    report = probe(server, room)
    assert sorted(one["sid"] for one in report["results"]) == sorted(peer.session["sid"] for peer in peers)
    assert all(one["result"] == "answered" and 0 <= one["ms"] <= 5000 for one in report["results"]), report
    for peer in peers:
        assert peer.hears("probe") == {"probe_id": report["probe_id"], "room": room}


def test_a_handler_that_answers(server):
    alice = server.user("alice")
    group = server.group(alice)
    peer = Peer(server)
    peer.client.on("probe", lambda data: {"sid": peer.client.get_sid()})
    peer.connect(alice)
    try:
        [one] = probe(server, f"conversation:{group['id']}")["results"]
        assert (one["sid"], one["result"], one["user_id"]) == (peer.session["sid"], "answered", alice["id"])
    finally:
        peer.close()


def test_one_that_leaves_is_not_asked(server, connect, kind):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    stays, leaves = connect(alice, kind), connect(bob, kind)
    leaves.must("leave_conversation", {"conversation_id": group["id"]})
    assert [one["sid"] for one in probe(server, f"conversation:{group['id']}")["results"]] == [stays.session["sid"]]
