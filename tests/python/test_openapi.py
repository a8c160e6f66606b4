"""The server holds what `openapi.json` promises: schemathesis makes requests of it, good and bad."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from rollcall import PATIENCE

#: What is held against every answer. Not among them: that every request that breaks the schema is refused, since a number is taken
#: for an id on purpose and unknown fields are ignored.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]


@pytest.mark.timeout(150)
def test_the_server_holds_what_its_description_promises(server, tmp_path):
    alice, bob = server.user("alice"), server.user("bob")
    group = server.group(alice, bob)
    server.post(alice, group, "something to find")
    command = [
        str(Path(sys.executable).parent / "st"),
        "run",
        f"{server.url}/api/v1/openapi.json",
        "--header",
        f"Authorization: Bearer {alice['token']}",
        "--checks",
        ",".join(CHECKS),
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "25",
        "--max-time",
        "30",
        "--request-timeout",
        "10",
        "--seed",
        "4600",
        "--no-color",
        "--warnings",
        "off",
        "--continue-on-failure",
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout[-12_000:] + run.stderr[-2_000:]


def test_the_description_is_there_for_programs_and_for_people(server):
    document = requests.get(f"{server.url}/api/v1/openapi.json", timeout=PATIENCE)
    assert document.headers["content-type"] == "application/json"
    paths = document.json()["paths"]
    page = requests.get(f"{server.url}/api/v1/docs", timeout=PATIENCE)
    assert page.headers["content-type"].startswith("text/html")
    for path in paths:
        assert path in page.text
    assert "<script" not in page.text
