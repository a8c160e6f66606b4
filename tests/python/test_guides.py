"""The Python program of docs/clients, taken out of its page and run."""

import os
import re
import subprocess
import sys

from rollcall import ROOT


def test_the_python_guide(server, tmp_path):
    text = (ROOT / "docs" / "clients" / "python.md").read_text()
    [program] = re.findall(r"^```python run\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    file = tmp_path / "guide.py"
    file.write_text(program)
    alice, bob = server.user("alice"), server.user("bob")
    settings = {
        "ROLLCALL_URL": server.url,
        "ROLLCALL_USER": alice["username"],
        "ROLLCALL_PASSWORD": "correct horse",
        "ROLLCALL_PEER": bob["username"],
    }
    run = subprocess.run(
        [sys.executable, file], env=os.environ | settings, capture_output=True, text=True, timeout=40, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "saved as #1, handed to 1 sockets" in run.stdout
    assert f"#1 {alice['username']}: hello from Python" in run.stdout
