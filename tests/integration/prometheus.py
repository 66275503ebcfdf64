"""A Prometheus that scrapes managers, with the rules that are shipped and an hour or a day of theirs in a second."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from hack.processes import Manager, Process, free_ports, wait_until
from hack.tool_cache import tool_path
from tests.unit.manifests.promtool import RULES, TARGET

# What takes an hour or a day in the rules takes as long here; only weeks, which are written as days, are never over.
_SOON_SECONDS = 1
# A pass of a busy machine takes a second or two.
_RANGE = "10s"
# Within two evaluations; the time of a scrape is that of its beginning, and one more may come before its end.
_PROMPT = 3
_STEP_SECONDS = 0.1


class Prometheus(Process):
    """The server; it scrapes whom it is told to. `minute`: the seconds that a minute of the rules' `for` takes."""

    def __init__(self, folder: Path, minute: float = 0.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        self._targets = folder / "targets.json"
        self.scrapes([])
        rules = _hurried(minute)
        (folder / "rules.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
        self._groups = {group["name"] for group in rules["groups"]}
        # Of each alert: its group, and what its rules ask.
        self._rules: dict[str, tuple[str, list[str]]] = {}
        for group in rules["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    self._rules.setdefault(rule["alert"], (group["name"], []))[1].append(rule["expr"])
        # What fired when it was last asked for, and when that was; nobody is scraped at first.
        self._settled: tuple[set[str], float] = ({"VolSyncManagerAway"}, time.time())
        # It looks at the file now and then as well, for the case that it has missed the news of a change.
        found = {"files": [str(self._targets)], "refresh_interval": "1s"}
        scraped = {"job_name": TARGET["job"], "file_sd_configs": [found]}
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
        """Wait until just these fire; assert that nothing else has fired since the last time, and that new ones came
        as soon as what was scraped had shown them.
        """
        wanted, (before, since) = set(alerts), self._settled
        try:
            wait_until("the alerts", lambda: self.firing() == wanted)
        except TimeoutError:
            raise TimeoutError(f"{sorted(self.firing())} fire, not {sorted(wanted)}") from None
        wait_until("their record", lambda: wanted <= self._fired(since).keys())
        fired, self._settled = self._fired(since), (wanted, time.time())
        others = fired.keys() - wanted - before
        assert not others, f"{sorted(others)} fired meanwhile"
        for new in wanted - before:
            late = self._evaluations(new, since, min(fired[new]))
            assert late <= _PROMPT, f"{new} came at evaluation {late} of what shows it"

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        found = self._asked("alerts")["alerts"]
        return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}

    def pending(self) -> set[str]:
        """Return the names of the alerts that have waited for their time since the last ones fired, or ended."""
        return set(self._samples('ALERTS{alertstate="pending"}', "alertname", self._settled[1]))

    def evaluates(self, times: int) -> None:
        """Wait until each group has been evaluated so often from now on."""
        now = time.time()

        def done() -> bool:
            found = self._samples("evaluated", "of", now)
            return found.keys() == self._groups and all(len(each) >= times for each in found.values())

        wait_until("evaluations", done)

    def _fired(self, since: float) -> dict[str, list[float]]:
        return self._samples('ALERTS{alertstate="firing"}', "alertname", since)

    def _evaluations(self, alert: str, since: float, fired: float) -> int:
        """Return at which evaluation an alert fired, of those at which all that was scraped by then showed it."""
        group, expressions = self._rules[alert]
        shown: set[float] = set()
        for asked in expressions:
            span = {"query": asked, "start": since, "end": fired, "step": _STEP_SECONDS}
            shown |= {at for one in self._asked("query_range", **span)["result"] for at, _ in one["values"]}
        begin = fired
        for at in sorted(shown, reverse=True):
            if begin - at > 2 * _STEP_SECONDS:
                break
            begin = at
        return sum(begin <= at <= fired for at in self._samples("evaluated", "of", since)[group])

    def _samples(self, series: str, label: str, since: float) -> dict[str, list[float]]:
        """Return when series have samples since a time, by the value of a label."""
        found: dict[str, list[float]] = {}
        now = time.time()
        for one in self._asked("query", query=f"{series}[{int(now - since) + 2}s]", time=now)["result"]:
            times = [at for at, _ in one["values"] if at > since]
            if times:
                found.setdefault(one["metric"][label], []).extend(times)
        return found

    def _asked(self, what: str, **query: Any) -> Any:
        with urlopen(f"http://127.0.0.1:{self.port}/api/v1/{what}?{urlencode(query)}", timeout=30) as answer:
            return json.loads(answer.read())["data"]


def _hurried(minute: float) -> Any:
    """Return the rules without the time that they let pass, or with little of it, and a sample of each evaluation."""
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in document["groups"]:
        for rule in group["rules"]:
            waits = _seconds(rule.pop("for", "0m"), minute)
            if waits:
                rule["for"] = f"{waits}s"
            hurried = re.sub(r"> \d{3,}", f"> {_SOON_SECONDS}", rule["expr"])
            rule["expr"] = re.sub(r"\[\d+m\]", f"[{_RANGE}]", hurried)
        group["rules"].insert(0, {"record": "evaluated", "expr": "vector(1)", "labels": {"of": group["name"]}})
    return document


def _seconds(waits: str, minute: float) -> int:
    number, unit = int(waits[:-1]), waits[-1]
    return int(number * {"m": 1, "h": 60}[unit] * minute)
