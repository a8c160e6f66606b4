"""What the log says, and what it must never say."""

import json
import os
import secrets

import pytest
import requests

from peers import Peer
from rollcall import PATIENCE, Server, until

#: Each stands for something that people trust us with.
WRITTEN, EDITED, REFUSED = (f"{kind}-{secrets.token_hex(8)}" for kind in ("written", "edited", "refused"))
PASSWORD = f"password-{secrets.token_hex(8)}"
METRICS_TOKEN = f"metrics-{secrets.token_hex(8)}"


@pytest.fixture(scope="module")
def told():
    """`(lines, secrets, facts)`: the whole log of a server at `debug`, what must not be in it, and what must."""
    server = Server(ROLLCALL_LOG="info,rollcall_server=debug", ROLLCALL_METRICS_TOKEN=METRICS_TOKEN)
    try:
        kept_secret, facts = _a_day(server)
        assert server.stop() == 0
        lines = server.log_file.read_text().splitlines()
    finally:
        server.close()
    return lines, kept_secret, facts


def _a_day(server):
    account = {"username": f"u-{secrets.token_hex(4)}", "password": PASSWORD}
    ask = lambda method, where, **more: requests.request(method, server.url + where, timeout=PATIENCE, **more)  # noqa: E731
    assert ask("POST", "/api/v1/auth/register", json=account).ok
    ask("POST", "/api/v1/auth/login", json=account | {"password": PASSWORD + "x"})
    signed_in = ask("POST", "/api/v1/auth/login", json=account)
    user = {"id": signed_in.json()["user"]["id"], "username": account["username"], "token": signed_in.json()["token"]}
    group = server.group(user, server.user("other"))
    peer = Peer(server).connect(user, receipts=True)
    message = peer.send(group, WRITTEN)["message"]
    peer.must("edit_message", {"message_id": message["id"], "content": EDITED})
    # Refused, each in another way, with a content in it.
    for data in (
        {"conversation_id": "nothing", "content": REFUSED},
        {"conversation_id": group["id"], "content": [REFUSED]},
        {"conversation_id": group["id"], "content": REFUSED * 4_000},
        {"conversation_id": [REFUSED], "content": REFUSED},
        REFUSED,
    ):
        assert peer.call("send_message", data)["ok"] is False
    peer.call("refresh_token", {"token": f"{user['token']}x"})
    bearer = {"authorization": f"Bearer {user['token']}"}
    posted = ask("POST", "/api/v1/messages", json={"conversation_id": group["id"], "content": WRITTEN}, headers=bearer)
    ask(
        "POST",
        "/api/v1/messages",
        data=f'{{"content": "{REFUSED}',
        headers=bearer | {"content-type": "application/json"},
    )
    missing = ask("GET", "/api/v1/conversations/nothing", headers=bearer)
    ask("GET", f"/api/v1/auth/me?token={user['token']}")
    ask("GET", f"/api/v1/ws/chat?token={user['token']}x")
    ask("GET", f"/socket.io/?EIO=3&transport=polling&token={user['token']}")
    ask("GET", f"/ws/socket.io/?EIO=4&transport=polling&token={user['token']}")
    ask("GET", "/metrics", headers={"authorization": f"Bearer {METRICS_TOKEN}x"})
    admin = ask("POST", "/api/v1/auth/login", json={"username": "admin", "password": "admin-password"}).json()["token"]
    room = {"room": f"conversation:{group['id']}"}
    server.ask("POST", f"/admin/api/sockets/{peer.session['sid']}/leave", admin, room)
    peer.send(group, WRITTEN)
    sid = peer.session["sid"]
    peer.close()
    until("the end of the socket is logged", lambda: "socket closed" in server.log_file.read_text())
    kept_secret = [WRITTEN, EDITED, REFUSED, PASSWORD, METRICS_TOKEN, server.secret, "admin-password"]
    # A token's last part is its signature: without it the rest is worth nothing, and with it everything.
    kept_secret += [token.rsplit(".", 1)[1] for token in (user["token"], admin)]
    return kept_secret, {
        "sid": sid,
        "message.id": message["id"],
        "posted": posted.json()["message"]["id"],
        "requests": [answer.headers["x-request-id"] for answer in (posted, missing)],
    }


def _entries(lines):
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_no_secret_is_in_it(told):
    lines, kept_secret, _ = told
    for secret in kept_secret:
        assert not [line[:200] for line in lines if secret in line]


def test_every_line_is_an_object_with_what_collectors_need(told):
    lines, _, _ = told
    entries = _entries(lines)
    # Before the first of them stands what the start prints for the operator, and nothing after it.
    first = next(at for at, line in enumerate(lines) if line.startswith("{"))
    assert [line for line in lines[first:] if line.strip() and not line.startswith(("{", "Rollcall", "  "))] == []
    for entry in entries:
        assert {"timestamp", "level", "target", "message"} <= set(entry), entry


def test_it_tells_what_happened(told):
    lines, _, facts = told
    entries = _entries(lines)

    def some(message, **fields):
        return [e for e in entries if e["message"] == message and all(e.get(k) == v for k, v in fields.items())]

    assert len(some("listening", level="INFO", version="0.1.0")) == 1
    assert some("listening")[0]["node.id"] and some("listening")[0]["address"]
    assert len(some("socket opened", sid=facts["sid"])) == len(some("socket closed", sid=facts["sid"])) == 1
    assert len(some("message announced", **{"message.id": facts["message.id"]})) == 1
    # What is done in a task of its own for a request still says which.
    (announced,) = some("message announced", **{"message.id": facts["posted"]})
    assert announced["span"]["request.id"] == facts["requests"][0]
    assert len(some("a participant's socket was not in the room; joined it", level="WARN", sid=facts["sid"])) == 1
    assert some("admin.change", level="INFO", **{"audit.actor": "admin"})
    assert some("gateway.rejected", reason="protocol") and some("gateway.rejected", reason="path")
    assert some("an event was refused", sid=facts["sid"], code="bad_request")
    assert some("stopped", level="INFO")
    for request in facts["requests"]:
        assert [e for e in entries if e.get("span", {}).get("request.id") == request], request


def test_a_healthy_server_is_quiet_at_info():
    server = Server()
    try:
        user = server.user("quiet")
        peer = Peer(server).connect(user)
        group = server.group(user)
        for n in range(20):
            peer.send(group, f"message {n}")
        peer.close()
        assert server.stop() == 0
        messages = [entry["message"] for entry in _entries(server.log_file.read_text().splitlines())]
    finally:
        server.close()
    assert messages == ["listening", "stopping: SIGTERM", "stopped"]


def test_what_fails_on_our_side_says_whose_it_was():
    server = Server()
    try:
        alice, bob = server.user("alice"), server.user("bob")
        group = server.group(alice, bob)
        peer = Peer(server).connect(alice, receipts=True)
        os.remove(os.path.join(server.data_dir, "rollcall.db"))
        said = {"conversation_id": group["id"], "content": "x"}
        assert peer.call("send_message", said)["error"]["code"] == "storage_unavailable"
        bearer = {"authorization": f"Bearer {alice['token']}"}
        posted = requests.post(server.url + "/api/v1/messages", json=said, headers=bearer, timeout=PATIENCE)
        assert posted.status_code == 503
        entries = _entries(server.log_file.read_text().splitlines())
    finally:
        server.close()
    event = [entry for entry in entries if entry["message"] == "an event failed on our side"]
    assert [(entry["level"], entry["sid"], entry["user.id"]) for entry in event] == [
        ("WARN", peer.session["sid"], alice["id"])
    ]
    # The cause stands in a line of its own, with the same id.
    of_request = [entry for entry in entries if entry.get("span", {}).get("request.id") == posted.headers["x-request-id"]]
    assert {"the store refused", "a request failed on our side"} <= {entry["message"] for entry in of_request}
