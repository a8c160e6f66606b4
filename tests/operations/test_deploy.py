"""What is in deploy/, as far as it can be tried without a container: the reverse proxies are tried in tests/js."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from rollcall import ROOT, Server, binary, free_port

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text())
STEPS = [line.split(None, 1) for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
#: Settings of the programs beside ours.
OTHERS = re.compile(r"GF_\w+|PROMETHEUS_URL|ROLLCALL_COMMIT")


def known_settings():
    told = subprocess.run([binary(), "serve", "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\[env:\s+(\w+)", told))


def test_settings_that_are_used_exist():
    used = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    for kind, rest in STEPS:
        if kind == "ENV":
            used |= set(re.findall(r"(\w+)=", rest))
    for name in ("rollcall.service", "nginx.conf", "Caddyfile"):
        used |= set(re.findall(r"\b((?:ROLLCALL|ALLOWED)_\w+)=", (DEPLOY / name).read_text()))
    assert used, "nothing was found"
    assert {name for name in used if not OTHERS.fullmatch(name)} <= known_settings()


def test_the_image_is_built_with_the_pinned_compiler_and_runs_as_nobody():
    pinned = re.search(r'channel = "([\d.]+)"', (ROOT / "rust-toolchain.toml").read_text())[1]
    assert STEPS[0] == ["FROM", f"rust:{pinned}-slim-bookworm AS build"]
    last_stage = STEPS[max(at for at, step in enumerate(STEPS) if step[0] == "FROM") :]
    kinds = dict(last_stage)
    assert kinds["USER"] not in {"root", "0"}
    assert "HEALTHCHECK" in kinds and json.loads(kinds["ENTRYPOINT"]) == ["rollcall"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {"target", ".git", "rollcall-data"} <= set(ignored), "secrets and builds stay out of the image"


def test_the_image_s_health_check_tells_a_living_server_from_a_dead_one():
    (rest,) = [rest for kind, rest in STEPS if kind == "HEALTHCHECK"]
    command = json.loads(rest.split("CMD", 1)[1])
    server = Server()
    try:
        env = {"PATH": "/usr/bin:/bin", "PORT": str(server.port)}
        assert subprocess.run(command, env=env, capture_output=True, check=False, timeout=10).returncode == 0
        env["PORT"] = str(free_port())
        assert subprocess.run(command, env=env, capture_output=True, check=False, timeout=10).returncode != 0
    finally:
        server.close()


def test_compose_fits_together():
    services = COMPOSE["services"]
    assert (DEPLOY / services["rollcall"]["build"]["context"] / services["rollcall"]["build"]["dockerfile"]).exists()
    mounted = {}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), f"{name} is open to the world"
        assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"]), f"{name} is not pinned"
        for volume in service.get("volumes", []):
            source, target, *_ = volume.split(":")
            assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], volume
            mounted[target] = source
    prometheus = yaml.safe_load((ROOT / "grafana/prometheus/prometheus.yml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in prometheus["scrape_configs"]}
    assert targets["rollcall"] == ["rollcall:4600"]
    provider = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/rollcall.yaml").read_text())["providers"][0]
    assert mounted[provider["options"]["path"]] == "../grafana/dashboards"
    source = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    assert source["url"].strip("${}") in services["grafana"]["environment"]
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "grafana/dashboards" / home.rsplit("/", 1)[1]).exists()


def test_compose_agrees_with_docker():
    if (
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
        if shutil.which("docker")
        else True
    ):
        pytest.skip("no docker compose here")
    subprocess.run(["docker", "compose", "-f", DEPLOY / "compose.yaml", "config", "--quiet"], check=True)


def test_the_unit_is_right_and_hardened(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd here")
    unit = tmp_path / "rollcall.service"
    text = (DEPLOY / "rollcall.service").read_text()
    unit.write_text(text.replace("/usr/local/bin/rollcall", str(binary())))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    looked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    if looked.returncode == 0:
        exposure = float(re.search(r"exposure level for \S+: ([\d.]+)", looked.stdout)[1])
        assert exposure < 2, f"{exposure} of 10"
