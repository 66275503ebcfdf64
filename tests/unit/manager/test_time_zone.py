"""Schedules that name no zone are in the manager's, found as Go's `time.Local` is: with real files of zones."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from volsync_py.core.local_zone import LocalZone, ZoneFile, local_zone
from volsync_py.core.schedule import parse_schedule, parse_zone
from volsync_py.manager.settings import parse_settings

WINTER = datetime(2026, 1, 15, tzinfo=UTC)
# When two o'clock in the morning comes, hours and minutes of UTC: Berlin is an hour ahead, Kolkata five and a half.
BERLIN, KOLKATA, TWO = "01:00", "20:30", "02:00"


def content(zone: str) -> bytes:
    return files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file of each kind that may be mounted at /etc/localtime, and links as systems have them."""
    (tmp_path / "zoneinfo" / "Asia").mkdir(parents=True)
    (tmp_path / "zoneinfo" / "Etc").mkdir()
    (tmp_path / "zoneinfo" / "Asia" / "Kolkata").write_bytes(content("Asia/Kolkata"))
    # What a container runtime makes of a file that is mounted at a link to it.
    (tmp_path / "zoneinfo" / "Etc" / "UTC").write_bytes(content("Europe/Berlin"))
    (tmp_path / "copy").write_bytes(content("Europe/Berlin"))
    (tmp_path / "link").symlink_to(tmp_path / "zoneinfo" / "Asia" / "Kolkata")
    (tmp_path / "overmounted").symlink_to(tmp_path / "zoneinfo" / "Etc" / "UTC")
    (tmp_path / "dangling").symlink_to("/nowhere/zoneinfo/Asia/Kolkata")
    (tmp_path / "astray").symlink_to("/nowhere/at/all")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "text").write_text("Europe/Berlin\n", encoding="utf-8")
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def zone_of(tz: str | None, localtime: Path) -> LocalZone:
    environ = {"VOLSYNC_PY_IMAGE": "local", **({} if tz is None else {"TZ": tz})}
    return parse_settings([], environ, pod_namespace="", localtime=str(localtime)).time_zone


def two_o_clock(zone: LocalZone) -> str:
    found = parse_schedule("0 2 * * *", zone.zone).next_after(WINTER)
    assert found is not None
    return found.strftime("%H:%M")


@pytest.mark.parametrize(
    ("localtime", "expected", "name"),
    [
        ("link", KOLKATA, "Asia/Kolkata"),
        ("copy", BERLIN, "{folder}/copy"),
        ("overmounted", BERLIN, "Etc/UTC"),
        ("dangling", KOLKATA, "Asia/Kolkata"),
        ("missing", TWO, "UTC"),
    ],
)
def test_without_tz_a_schedule_runs_by_what_is_mounted_at_etc_localtime(
    localtime: str, expected: str, name: str, folder: Path
) -> None:
    zone = zone_of(None, folder / localtime)

    assert two_o_clock(zone) == expected
    assert (zone.name, zone.problem) == (name.format(folder=folder), "")


@pytest.mark.parametrize(
    ("tz", "expected", "name"),
    [
        ("Europe/Berlin", BERLIN, "Europe/Berlin"),
        (":Europe/Berlin", BERLIN, "Europe/Berlin"),
        ("UTC", TWO, "UTC"),
        ("", TWO, "UTC"),
        (":", TWO, "UTC"),
        ("{folder}/copy", BERLIN, "{folder}/copy"),
        (":{folder}/copy", BERLIN, "{folder}/copy"),
        ("{folder}/zoneinfo/Asia/Kolkata", KOLKATA, "Asia/Kolkata"),
    ],
)
def test_tz_is_read_as_go_reads_it_and_wins(tz: str, expected: str, name: str, folder: Path) -> None:
    zone = zone_of(tz.format(folder=folder), folder / "link")

    assert two_o_clock(zone) == expected
    assert (zone.name, zone.problem) == (name.format(folder=folder), "")


@pytest.mark.parametrize(
    ("tz", "localtime", "problem"),
    [
        ("Nowhere/Wrong", "link", "TZ 'Nowhere/Wrong' of the manager is no time zone such as Europe/Berlin"),
        # C would know what it means; Go does not.
        ("CET-1CEST,M3.5.0,M10.5.0/3", "link", "TZ 'CET-1CEST,M3.5.0,M10.5.0/3' of the manager is no time zone"),
        ("::UTC", "link", "TZ '::UTC' of the manager is no time zone"),
        ("../../etc/passwd", "link", "is no time zone"),
        ("{folder}/missing", "link", "/missing' of the manager names no file"),
        ("{folder}/text", "link", "/text' of the manager holds no time zone that can be read"),
        ("{folder}/pipe", "link", "/pipe' of the manager holds no time zone that can be read"),
        ("{folder}", "link", "' of the manager holds no time zone that can be read"),
        (None, "text", "/text of the manager holds no time zone that can be read"),
        (None, "empty", "/empty of the manager holds no time zone that can be read"),
        (None, "astray", "/astray of the manager holds no time zone that can be read"),
        (None, "circle", "/circle of the manager holds no time zone that can be read"),
    ],
)
def test_what_cannot_be_read_is_utc_and_says_so(tz: str | None, localtime: str, problem: str, folder: Path) -> None:
    zone = zone_of(None if tz is None else tz.format(folder=folder), folder / localtime)

    assert two_o_clock(zone) == TWO
    assert zone.name == "UTC"
    assert problem in zone.problem


def test_a_file_that_is_cut_off_is_no_zone_wherever_that_is() -> None:
    whole = content("Europe/Berlin")

    def read(length: int) -> LocalZone:
        return local_zone(None, lambda path: ZoneFile(path, whole[:length]))

    assert [length for length in range(len(whole)) if not read(length).problem] == []
    assert read(len(whole)).problem == ""


def test_utc_is_read_from_no_file() -> None:
    assert parse_zone("UTC") is UTC
