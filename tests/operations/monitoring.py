"""A real Prometheus with our own configuration and rules, at the pace of a test."""

import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import requests
import yaml

from rollcall import PATIENCE, ROOT, free_port, until

CONFIGURED = ROOT / "grafana" / "prometheus"
#: How often is scraped here, and what Grafana would make of it: four times that.
SCRAPE_SECONDS = 1
RATE_INTERVAL = f"{4 * SCRAPE_SECONDS}s"


class Prometheus:
    """Scrapes one server. `query`, `query_range` and `labels` are its HTTP API."""

    def __init__(self, server):
        self.folder = Path(tempfile.mkdtemp(prefix="rollcall-prometheus-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = self._configured(server)
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        for rules in config["rule_files"]:
            groups = yaml.safe_load((CONFIGURED / rules).read_text())
            for group in groups["groups"]:
                group.pop("interval", None)
            (self.folder / rules).write_text(yaml.safe_dump(groups))
        logs = ROOT / "tests" / ".artifacts" / "servers"
        logs.mkdir(parents=True, exist_ok=True)
        self.log_file = logs / f"prometheus-{secrets.token_hex(2)}.log"
        binary = shutil.which("prometheus")
        assert binary, "no prometheus: it comes with the Debian package of that name (tests/installing.sh packages)"
        with open(self.log_file, "wb") as log:
            self.child = subprocess.Popen(
                [
                    binary,
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(f"Prometheus is ready; its log: {self.log_file}", self._ready, 30)

    def _configured(self, server):
        """Our configuration, as it is but for the pace and the addresses."""
        config = yaml.safe_load((CONFIGURED / "prometheus.yml").read_text())
        config["global"] |= dict.fromkeys(
            ("scrape_interval", "scrape_timeout", "evaluation_interval"), f"{SCRAPE_SECONDS}s"
        )
        addresses = {"rollcall": f"127.0.0.1:{server.port}", "prometheus": f"127.0.0.1:{self.port}"}
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [addresses[job["job_name"]]]}]
        return config

    def _ready(self):
        assert self.child.poll() is None, f"Prometheus ended at its start:\n{self.log_file.read_text()[-4000:]}"
        try:
            return requests.get(self.url + "/-/ready", timeout=PATIENCE).ok
        except requests.ConnectionError:
            return False

    def ask(self, path, **parameters):
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=PATIENCE)
        body = answer.json()
        assert body["status"] == "success", f"{parameters}: {body.get('error')}"
        assert not body.get("warnings"), f"{parameters}: {body['warnings']}"
        return body["data"]

    def query(self, text):
        return self.ask("query", query=text)["result"]

    def query_range(self, text, start, end):
        """In steps from `start`; the last one is not before `end`, so that the newest scrape of then is in it."""
        end += SCRAPE_SECONDS
        return self.ask("query_range", query=text, start=start, end=end, step=SCRAPE_SECONDS)["result"]

    def value(self, text):
        """The one value of a query that gives one, else None."""
        found = self.query(text)
        return float(found[0]["value"][1]) if len(found) == 1 else None

    def alerts(self):
        """`(name, state)` of every alert that is not silent."""
        return {(alert["labels"]["alertname"], alert["state"]) for alert in self.ask("alerts")["alerts"]}

    def close(self):
        self.child.kill()
        self.child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
