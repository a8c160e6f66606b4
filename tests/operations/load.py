"""What goes on at the server while Prometheus looks: people who talk, people who cannot come in, and a power cut."""

import json

import requests
import websocket

from peers import Peer
from rollcall import PATIENCE, until


class Member(Peer):
    """A client that gives receipts; with `after` set, only for a message that it was handed so often."""

    def __init__(self, server, kind, after=1):
        super().__init__(server, kind)
        self.after = after
        self.times = {}
        self.client.on("new_message", self._confirm)

    def _confirm(self, message):
        self.log.append(("new_message", message))
        times = self.times[message["id"]] = self.times.get(message["id"], 0) + 1
        if times == self.after:
            self.emit("receipt", {"conversation_id": message["conversation_id"], "received": message["seq"]})


class Load:
    """Begins with everybody connected. `round` is some seconds' worth of what happens every day."""

    def __init__(self, server):
        self.server = server
        self.users = [server.user(f"user{n}") for n in range(6)]
        self.admin = server.ask("POST", "/api/v1/auth/login", body={"username": "admin", "password": "admin-password"})
        self.group = server.group(*self.users)
        self.peers = []
        self.plain = None
        self.sent = 0

    def connect(self):
        kinds = [("sync", "websocket"), ("sync", "websocket"), ("sync", "polling")]
        for user, kind in zip(self.users, kinds):
            self.peers.append(Member(self.server, kind).connect(user, receipts=True))
        # Confirms a message only when it comes again.
        self.peers.append(Member(self.server, ("sync", "websocket"), after=2).connect(self.users[3], receipts=True))
        where = f"{self.server.url.replace('http', 'ws')}/api/v1/ws/chat?token={self.users[4]['token']}"
        self.plain = websocket.create_connection(where, timeout=PATIENCE)

    def round(self):
        """users[5] stays offline, so that somebody always is."""
        one, other, polling, late = self.peers
        for peer in (one, other, polling):
            self.sent += 1
            peer.send(self.group, f"message {self.sent}", client_message_id=f"m-{self.sent}")
        one.send(self.group, "again", client_message_id=f"m-{self.sent - 2}")
        said = {"conversation_id": self.group["id"], "content": "by a plain WebSocket"}
        self.plain.send(json.dumps({"event": "send_message", "data": said, "id": self.sent}))
        self.server.post(self.users[4], self.group, "by REST")
        other.call("typing", {"conversation_id": self.group["id"], "typing": True})
        other.call("send_message", {"conversation_id": 42, "content": "a number is no id of anything here"})
        other.call("send_message", {"conversation_id": self.group["id"]})
        other.call("no_such_event", {})
        other.call("join_conversation", {"conversation_id": "not-mine"})
        self._come_and_go()
        self._requests()
        self._turned_away()

    def _come_and_go(self):
        """Somebody leaves, misses a message, and comes back; somebody is taken out of a room and is repaired."""
        one, other, *_ = self.peers
        held = other.messages(self.group)[-1]["seq"] if other.messages(self.group) else 0
        other.close()
        one.send(self.group, "while you were away")
        self.peers[1] = Member(self.server, ("sync", "websocket")).connect(
            self.users[1], receipts=True, resume={self.group["id"]: held}, epoch=other.session["epoch"]
        )
        room = {"room": f"conversation:{self.group['id']}"}
        self.server.ask("POST", f"/admin/api/sockets/{one.session['sid']}/leave", self.admin["token"], room)
        self.peers[1].send(self.group, "you were not in the room")

    def _requests(self):
        token = self.users[0]["token"]
        for path in ("/api/v1/auth/me", "/api/v1/conversations", f"/api/v1/conversations/{self.group['id']}/messages"):
            self.server.ask("GET", path, token)
        self.server.ask("GET", "/api/v1/conversations/nothing", token, expected=(404,))
        self.server.ask("GET", "/wp-login.php", expected=(404,))
        self.server.ask("GET", "/admin/api/overview", self.admin["token"])

    def _turned_away(self):
        ask = lambda where, **headers: requests.get(self.server.url + where, headers=headers, timeout=PATIENCE)  # noqa: E731
        for where, headers in (
            ("/socket.io/?EIO=4&transport=polling", {"origin": "https://elsewhere.example"}),
            ("/socket.io/?EIO=3&transport=polling", {}),
            ("/ws/socket.io/?EIO=4&transport=polling", {}),
            ("/api/v1/ws/chat?token=not-a-token", {}),
        ):
            assert 400 <= ask(where, **headers).status_code < 500, where

    def late_confirms(self):
        """Waits until a retry was confirmed: 5 s after the first hand-over."""
        late = self.peers[3]
        until("a message came again and was confirmed", lambda: 2 in late.times.values(), 15)

    def close(self):
        if self.plain:
            self.plain.close()
        for peer in self.peers:
            try:
                peer.close()
            except Exception:  # noqa: BLE001 a client whose server is gone may say so in any way
                pass
