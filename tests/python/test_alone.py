"""One database is one server's."""

import os
import subprocess
from pathlib import Path

from rollcall import Server, binary, free_port


def test_a_second_server_on_a_database_refuses_to_start():
    server = Server()
    try:
        journals = _journals(server)
        assert journals, os.listdir(server.data_dir)
        where = ["--bind", f"127.0.0.1:{free_port()}", "--data-dir", server.data_dir]
        second = subprocess.run([binary(), "serve", *where], capture_output=True, text=True, timeout=30)
        assert second.returncode != 0
        said = second.stdout + second.stderr
        assert said.count("another rollcall serves the database") == 1, said
        assert "--data-dir" in said
        # It took nothing over: the first one is not dead, and its journal is its own.
        assert _journals(server) == journals
        server.user()
    finally:
        server.close()


def test_after_a_power_cut_the_next_one_starts():
    server = Server()
    try:
        server.kill()
        server.start_again()
        server.user()
    finally:
        server.close()


def _journals(server):
    """The first line of each, which says whose it is; behind it is when they were last alive."""
    folder = Path(server.data_dir)
    return {path.name: path.read_text().splitlines()[0] for path in folder.glob("announced*")}
