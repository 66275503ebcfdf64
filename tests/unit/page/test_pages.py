"""The pages: what stands on them, and that nothing of an object gets out of its place."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hack.sample_month import NOW, many, sample_month
from volsync_py.health.state import health_of
from volsync_py.health.verdict import Overview
from volsync_py.health.words import plain
from volsync_py.page.addresses import address_of, asked_for, file_of
from volsync_py.page.markup import tag
from volsync_py.page.one import one_page
from volsync_py.page.overview import overview_page
from volsync_py.page.seen import Picture, Seen, picture_of
from volsync_py.page.style import HEADER_POLICY, POLICY, STYLE

MOST_BYTES = 300_000


class Read(HTMLParser):
    """What a browser finds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        # Without attributes.
        self.said: list[str] = []
        self.style = ""
        self._in_style = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.texts += [value or "" for name, value in attrs]
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.style += data
        else:
            self.texts.append(data)
            self.said.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def picture(objects: list[dict[str, Any]]) -> Picture:
    return picture_of(objects, NOW, "any namespace", with_namespace=True)


def link(one: Seen) -> str:
    return address_of(one.health.kind, one.health.namespace, one.health.name)


def called(name: str) -> dict[str, Any]:
    return next(one for one in sample_month() if one["metadata"]["name"] == name)


def test_the_verdict_is_the_one_of_the_command() -> None:
    found = [health_of(one, NOW) for one in sample_month()]
    told = Overview(found, NOW, "any namespace", with_namespace=True).verdict()
    assert told == "34 of 40 backed up in the last 24 h, newest 2 hours ago, 6 need you"
    assert f"{told}." in Read(overview_page(picture(sample_month()))).texts


def test_the_worst_stand_on_top() -> None:
    read = Read(overview_page(picture(sample_month()), link))
    assert read.links[:7] == [
        "/source/dev/artifacts",
        "/source/dev/gitea",
        "/source/dev/registry",
        "/source/dev/runner-cache",
        "/source/dev/wiki",
        "/source/games/terraria",
        "/source/web/forum",
    ]
    assert len(read.links) == 41


def test_the_page_says_what_grows_where_it_goes_and_how_old_the_oldest_proof_is() -> None:
    told = " ".join(Read(overview_page(picture(sample_month()))).said)
    for said in (
        "oldest last proof 11 days ago 30 of 40 proved by a restore",
        "Growth What the last run of each has added to its repository, the most first. ops/step-ca 4.4 GiB of 76.1 GiB",
        "Where it goes Secret Holds Claims data/restic-data 256.5 GiB data/influx, data/loki, data/minio",
    ):
        assert said in told


def test_nobody_waits_for_a_backup_of_what_is_paused() -> None:
    one, other = called("photos"), called("gitea")
    one["status"]["lastSyncTime"] = "2026-01-01T00:00:00Z"
    one["spec"]["paused"] = True
    texts = Read(overview_page(picture([one, other]))).texts
    assert texts[texts.index("oldest last backup") + 2] == "dev/gitea"


@pytest.mark.parametrize("objects", [[], sample_month()[-1:]], ids=["none", "a destination"])
def test_there_is_a_page_of_little_or_nothing(objects: list[dict[str, Any]]) -> None:
    read = Read(overview_page(picture(objects)))
    assert any("o sources" in text for text in read.texts)


def test_a_thousand_sources_are_one_page_that_can_be_read() -> None:
    page = overview_page(picture(list(many(1000))), link)
    assert len(page.encode()) <= MOST_BYTES
    texts = " ".join(Read(page).texts)
    assert "850 of 1000 backed up" in texts
    assert "5 more in media-3" in texts


def test_nothing_is_on_a_page_twice_nor_left_out_when_rows_are_folded() -> None:
    objects = list(many(200))
    links = Read(overview_page(picture(objects), link)).links
    assert sorted(links) == sorted(
        address_of(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) for one in objects
    )


def test_a_page_of_one_has_its_cause_conditions_and_commands() -> None:
    texts = " ".join(Read(_page_of(called("gitea"))).texts)
    for said in (
        "dev/gitea: failing, RepositoryDamaged",
        "run restic check, then restic repair; prune stays off until then",
        "Secret restic-dev",
        "WaitingForSchedule",
        "volsync-py restore gitea --to NEW-CLAIM -n dev",
        "Restic completed",
    ):
        assert said in texts


def test_last_nights_runs_are_told_and_those_under_way() -> None:
    objects = sample_month()
    objects[0]["status"]["lastSyncStartTime"] = "2026-11-30T08:00:00Z"
    texts = " ".join(Read(overview_page(picture(objects))).texts)
    assert "34 sources ran, at most 23 at once; 1 still does; the longest took 100 minutes: media/films" in texts


def test_a_browser_runs_and_loads_nothing_but_the_style() -> None:
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in POLICY
    assert "frame-ancestors 'none'" in HEADER_POLICY
    for page in (overview_page(picture(sample_month()), link), _page_of(called("gitea"))):
        read = Read(page)
        assert read.style == STYLE
        assert not {"script", "link", "img", "iframe", "form"} & {name for name, _ in read.tags}
        assert not any(name.startswith("on") or name == "style" for _, names in read.tags for name in names)


def _replaced(value: Any, text: str) -> Any:
    """Return a value with a text in the place of each that is shown; times, letters and kinds stay."""
    if isinstance(value, dict):
        kept = {"lastDays", "kind", "apiVersion", "type", "schedule", "creationTimestamp", "lastTransitionTime"}
        return {key: one if key in kept or "Time" in key else _replaced(one, text) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, text) for one in value]
    return text if isinstance(value, str) else value


# No word by itself, which may mean something: with a status of `True`, something else is well or not.
HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        "</style><script>",
        "javascript:alert(1)",
        "&lt;b&gt;",
        "-->\x00\x1b[2J\u202e",
        "../../..",
        "a\nb",
    ]
) | st.tuples(st.text(max_size=15), st.sampled_from("<>&\"'/\x00\n\u202e"), st.text(max_size=15)).map("".join)


@settings(max_examples=60)
@given(text=HOSTILE)
def test_no_text_of_an_object_gets_out_of_its_place(text: str) -> None:
    harmless, hostile = (_replaced(called("gitea"), one) for one in ("x", text))
    for one in (False, True):
        expected, found = Read(_page_with(harmless, one=one)), Read(_page_with(hostile, one=one))
        assert expected.tags == found.tags, "the same elements with the same attributes"
        assert found.style == STYLE
        assert all(to == "/" or re.fullmatch(r"/source(/[\w.~%-]+){2}", to) for to in found.links)
        assert plain(text).strip() in " ".join(found.texts)


def _page_with(obj: dict[str, Any], *, one: bool) -> str:
    return _page_of(obj) if one else overview_page(picture([obj]), link)


def _page_of(obj: dict[str, Any]) -> str:
    return one_page(obj, health_of(obj, NOW), NOW, back="/")


@given(namespace=st.text(min_size=1, max_size=9), name=st.text(min_size=1, max_size=9))
def test_an_address_is_of_one_resource_and_leads_out_of_no_folder(namespace: str, name: str) -> None:
    kind = "ReplicationSource"
    assert asked_for(address_of(kind, namespace, name)) == (kind, namespace, name)
    parts = file_of(kind, namespace, name).split("/")
    assert len(parts) == 3
    assert not {"", ".", ".."} & set(parts)


@pytest.mark.parametrize("path", ["", "/", "/source", "/source/a", "/source/a/b/c", "/other/a/b", "x/source/a/b"])
def test_other_paths_are_of_no_resource(path: str) -> None:
    assert asked_for(path) is None


def test_attributes_are_written_as_html_has_them() -> None:
    assert tag("p", "a<b", None, class_="x", aria_label='"', hidden=True, title=None) == (
        '<p class="x" aria-label="&quot;" hidden>a&lt;b</p>'
    )


@pytest.mark.parametrize("year", ["9999", "0001", "1969"])
@pytest.mark.parametrize("results", ["oo", "o" * 40, ""])
def test_a_clock_that_is_wrong_breaks_no_page(year: str, results: str) -> None:
    one = called("photos")
    one["status"] |= {"lastSyncTime": f"{year}-12-31T23:59:59Z", "lastSyncDuration": "999999h"}
    one["status"]["lastDays"] = {"until": f"{year}-01-01", "results": results}
    later = picture_of([one], NOW + timedelta(days=1), "x", with_namespace=False)
    assert "photos" in overview_page(later)
