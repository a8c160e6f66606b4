"""python-socketio, synchronous and asyncio, behind one synchronous face that remembers everything it was told."""

import asyncio
import threading

import socketio
from engineio.payload import Payload

from rollcall import PATIENCE, until

# By default python-engineio gives up a polling connection whose answer holds more than 16 packets at once, which any server
# may send after a burst. Its documentation says to raise this.
Payload.max_decode_packets = 1_000

#: Every client with every way to connect.
KINDS = [(flavour, transport) for flavour in ("sync", "asyncio") for transport in ("polling", "websocket")]
KIND_IDS = [f"{flavour}-{transport}" for flavour, transport in KINDS]


class _Loop:
    """One asyncio loop in a thread of its own, for every asyncio client."""

    _loop = None

    @classmethod
    def run(cls, coroutine):
        if cls._loop is None:
            cls._loop = asyncio.new_event_loop()
            threading.Thread(target=cls._loop.run_forever, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(coroutine, cls._loop).result(3 * PATIENCE)


class Peer:
    """One client. `log` holds `(event, data)` of everything that came, in order."""

    def __init__(self, server, kind=("sync", "websocket")):
        self.server = server
        flavour, self.transport = kind
        self.asyncio = flavour == "asyncio"
        self.log = []
        make = socketio.AsyncClient if self.asyncio else socketio.Client
        self.client = make(reconnection=False)
        if self.asyncio:

            async def heard(event, data=None):
                self.log.append((event, data))

        else:

            def heard(event, data=None):
                self.log.append((event, data))

        self.client.on("*", heard)
        # Own events of the client do not come to "*".
        self.client.on("disconnect", lambda *reason: self.log.append(("disconnect", reason)))
        self.client.on("connect_error", lambda *why: self.log.append(("connect_error", why[0] if why else None)))

    def _do(self, call):
        return _Loop.run(call) if self.asyncio else call

    def connect(self, user, **auth):
        """Connects as `user` and waits for `session`."""
        self.user = user
        self.open({"token": user["token"], **auth})
        self.session = self.hears("session")
        return self

    def open(self, auth, **options):
        self._do(
            self.client.connect(
                self.server.url, auth=auth, transports=[self.transport], wait_timeout=PATIENCE, **options
            )
        )

    def call(self, event, data=None):
        return self._do(self.client.call(event, data, timeout=PATIENCE))

    def emit(self, event, data=None):
        self._do(self.client.emit(event, data))

    def must(self, event, data=None):
        answer = self.call(event, data if data is not None else {})
        assert answer["ok"] is True, f"{event} was refused: {answer}"
        return answer

    def refused(self, code, event, data):
        answer = self.call(event, data)
        assert answer["ok"] is False and answer["error"]["code"] == code, answer
        return answer["error"]

    def send(self, conversation, content, **more):
        return self.must("send_message", {"conversation_id": conversation["id"], "content": content, **more})

    def heard(self, event, matches=lambda data: True):
        return [data for name, data in list(self.log) if name == event and matches(data)]

    def hears(self, event, matches=lambda data: True, within=PATIENCE):
        """Waits for an event that matches, also one that came before."""
        until(f"event {event}", lambda: bool(self.heard(event, matches)), within)
        return self.heard(event, matches)[0]

    def messages(self, conversation):
        return self.heard("new_message", lambda message: message["conversation_id"] == conversation["id"])

    def receives(self, conversation, count):
        until(f"{count} messages", lambda: len(self.messages(conversation)) >= count)
        return self.messages(conversation)

    def settled(self):
        """Everything that was sent before this call has come when it returns."""
        self.must("whoami")

    def close(self):
        self._do(self.client.disconnect())
