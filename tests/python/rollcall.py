"""Starts the real server and talks to it over REST; the Socket.IO clients are in `peers.py`."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
#: How long anything may take that should take milliseconds. Generous: a busy machine is no defect of the server.
PATIENCE = 10.0


def until(what, probe, within=PATIENCE):
    """Polls until `probe` returns something true."""
    deadline = time.monotonic() + within
    while True:
        if seen := probe():
            return seen
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def binary():
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = Path(os.environ.get("ROLLCALL_BIN", target / "debug" / "rollcall"))
    assert found.exists(), f"no server at {found}: run tests/run, or cargo build and set ROLLCALL_BIN"
    return found


class Server:
    """A server on a free port with a data folder of its own."""

    SETTINGS_OF_A_CALLER = ("ROLLCALL_", "OTEL_", "DATABASE_URL", "REDIS_URL", "JWT_", "ALLOWED_ORIGINS", "PORT")

    def __init__(self, **settings):
        """`settings` are environment variables, over those of the tests."""
        self.settings = settings
        self.data_dir = tempfile.mkdtemp(prefix="rollcall-py-")
        self.secret = secrets.token_hex(32)
        logs = ROOT / "tests" / ".artifacts" / "servers"
        logs.mkdir(parents=True, exist_ok=True)
        self.log_file = logs / f"python-{os.getpid()}-{secrets.token_hex(2)}.log"
        # Somebody else may take the port between its choice and the server's start.
        for attempt in (1, 2, 3):
            self.port = free_port()
            try:
                self._spawn()
                return
            except AssertionError:
                self.close()
                if attempt == 3 or "in use" not in self.output().lower():
                    raise

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _spawn(self):
        kept = {
            name: value
            for name, value in os.environ.items()
            if name == "ROLLCALL_TEST_RUN" or not name.startswith(self.SETTINGS_OF_A_CALLER)
        }
        with open(self.log_file, "ab") as log:
            self.child = subprocess.Popen(
                [binary(), "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=kept
                | {
                    "ROLLCALL_BIND": f"127.0.0.1:{self.port}",
                    "ROLLCALL_DATA_DIR": self.data_dir,
                    "JWT_SECRET": self.secret,
                    "ROLLCALL_ADMIN_PASSWORD": "admin-password",
                    "ROLLCALL_RATE_MESSAGES": "off",
                    "ROLLCALL_RATE_CONNECTS": "off",
                    "ROLLCALL_RATE_LOGINS": "off",
                    "ROLLCALL_CANARY": "off",
                    "ROLLCALL_LOG_FORMAT": "json",
                }
                | self.settings,
            )
        until(f"the server is ready; its log: {self.log_file}", self._ready, 30)

    def _ready(self):
        assert self.child.poll() is None, f"the server ended at its start ({self.child.returncode}):\n{self.output()}"
        try:
            return requests.get(self.url + "/health/ready", timeout=PATIENCE).ok
        except requests.ConnectionError:
            return False

    def output(self):
        """The last part of what the server printed."""
        return self.log_file.read_text(errors="replace")[-8000:]

    def kill(self):
        """Ends it at once, as a power cut would."""
        self.child.kill()
        self.child.wait()

    def stop(self):
        """Asks it to stop, and waits until it has; returns its exit status."""
        self.child.terminate()
        return self.child.wait(20)

    def start_again(self):
        """On the same port and data, after `kill` or `stop`."""
        self._spawn()

    def close(self):
        self.kill()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def ask(self, method, where, token=None, body=None, expected=(200, 201, 204)):
        """One REST request, where any other status is an error."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = requests.request(method, self.url + where, json=body, headers=headers, timeout=PATIENCE)
        assert answer.status_code in expected, f"{method} {where}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def user(self, name="u"):
        """A new user: `{id, username, token}`."""
        username = f"{name}-{secrets.token_hex(5)}"
        account = {"username": username, "password": "correct horse"}
        self.ask("POST", "/api/v1/auth/register", body=account, expected=(201,))
        signed_in = self.ask("POST", "/api/v1/auth/login", body=account)
        return {"id": signed_in["user"]["id"], "username": username, "token": signed_in["token"]}

    def group(self, owner, *others):
        body = {"kind": "group", "title": "a group", "participant_ids": [user["id"] for user in others]}
        return self.ask("POST", "/api/v1/conversations", owner["token"], body, (201,))

    def post(self, user, conversation, content):
        body = {"conversation_id": conversation["id"], "content": content}
        return self.ask("POST", "/api/v1/messages", user["token"], body)

    def token_for(self, user, seconds):
        """A token of that user that ends in `seconds`."""
        claims = {"sub": user["id"], "name": user["username"], "role": "user", "exp": int(time.time()) + seconds}
        parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        body = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        mac = hmac.new(self.secret.encode(), body, hashlib.sha256).digest()
        return (body + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()
