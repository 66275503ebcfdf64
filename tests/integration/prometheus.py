"""A Prometheus that scrapes managers, with the rules that are shipped and an hour or a day of theirs in a second."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from hack.processes import Manager, Process, free_ports, wait_until
from hack.tool_cache import tool_path
from tests.unit.manifests.promtool import RULES, TARGET

# What takes an hour or a day in the rules takes as long here; only weeks, which are written as days, are never over.
_SOON_SECONDS = 1
# A pass of a busy machine takes a second or two.
_RANGE = "10s"


class Prometheus(Process):
    """The server; it scrapes whom it is told to."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        self._targets = folder / "targets.json"
        self.scrapes([])
        (folder / "rules.yaml").write_text(yaml.safe_dump(_hurried()), encoding="utf-8")
        scraped = {"job_name": TARGET["job"], "file_sd_configs": [{"files": [str(self._targets)]}]}
        pace = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
        config = {"global": pace, "rule_files": ["rules.yaml"], "scrape_configs": [scraped]}
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [str(tool_path("prometheus")), f"--config.file={folder / 'prometheus.yaml'}"]
        command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}"]
        super().__init__("prometheus", command, folder)
        self.wait_until("Prometheus", lambda: self.says("Server is ready"))

    def scrapes(self, managers: Iterable[Manager]) -> None:
        """Scrape these from now on."""
        hosts = [f"127.0.0.1:{one.metrics_port}" for one in managers]
        text = json.dumps([{"targets": hosts, "labels": {"namespace": TARGET["namespace"]}}])
        # It reads what it is told of, which must be whole.
        new = self._targets.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.rename(self._targets)

    def fires(self, *alerts: str) -> None:
        """Wait until just these fire."""
        try:
            wait_until("the alerts", lambda: self.firing() == set(alerts))
        except TimeoutError:
            raise TimeoutError(f"{sorted(self.firing())} fire, not {sorted(alerts)}") from None

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        with urlopen(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=30) as answer:
            found = json.loads(answer.read())["data"]["alerts"]
        return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}


def _hurried() -> Any:
    """Return the rules without the time that they let pass."""
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for rule in (rule for group in document["groups"] for rule in group["rules"]):
        rule.pop("for", None)
        hurried = re.sub(r"> \d{3,}", f"> {_SOON_SECONDS}", rule["expr"])
        rule["expr"] = re.sub(r"\[\d+m\]", f"[{_RANGE}]", hurried)
    return document
