"""`rollcall-tui` against python-socketio's own server, which knows nothing of Rollcall."""

import asyncio
import json
import os
import subprocess
import threading

import pytest
import socketio
from aiohttp import web

from rollcall import PATIENCE, binary


class _Stranger:
    """A python-socketio server on a port of its own."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.url = self._run(self._start())

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    async def _start(self):
        sio = socketio.AsyncServer(async_mode="aiohttp", ping_interval=1)

        @sio.event
        async def connect(sid, environ, auth):
            await sio.emit("hello", ("world", auth), to=sid)

        @sio.on("double")
        async def double(sid, number):
            return number * 2

        app = web.Application()
        sio.attach(app)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    def close(self):
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _stop(self):
        await self._runner.cleanup()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


@pytest.fixture(scope="module")
def stranger():
    stranger = _Stranger()
    yield stranger
    stranger.close()


def tui(stranger, *args):
    env = {name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")}
    program = os.path.join(os.path.dirname(binary()), "rollcall-tui")
    return subprocess.run(
        [program, "--url", stranger.url, *args], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_it_listens_and_emits(stranger):
    heard = tui(stranger, "listen", "--json", "--auth", '{"name": "x"}', "--count", "1")
    assert heard.returncode == 0, heard.stderr
    event = json.loads(heard.stdout)
    assert event["event"] == "hello" and event["args"][0] == "world" and event["args"][1]["name"] == "x"
    doubled = tui(stranger, "send", "--event", "double", "21")
    assert (doubled.returncode, doubled.stdout.strip()) == (0, "42"), doubled.stderr


def test_the_doctor_finds_it_well(stranger):
    examined = tui(stranger, "doctor", "--json")
    report = json.loads(examined.stdout)
    bad = [check for check in report["checks"] if check["status"] in ("failed", "warning")]
    assert (examined.returncode, bad) == (0, []), report
    good = {check["check"] for check in report["checks"] if check["status"] == "ok"}
    assert {"polling", "sticky", "websocket", "upgrade", "namespace", "accepted", "heartbeat"} <= good
