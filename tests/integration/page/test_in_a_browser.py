"""The page in a browser: what axe finds, what the keyboard reaches, and that its pictures in the docs are its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from hack.browser import Browser, browser
from hack.page_pictures import WIDTH, digest, noted, pages, pictures
from hack.sample_month import NOW, many, sample_month
from hack.tool_cache import is_out_of_reach, tool_path
from volsync_py.page.overview import overview_page
from volsync_py.page.seen import picture_of

AXE = """axe.run().then(found => found.violations.map(
    one => one.id + ': ' + one.nodes.map(node => node.html.slice(0, 160)).join(' | ')))"""
# Everything that is to be reached: links, what unfolds, and what may have to be scrolled.
REACHABLE = "document.querySelectorAll('a[href], summary, [tabindex=\"0\"]').length"
FOCUSED = "(e => e === document.body ? '' : [...document.querySelectorAll('*')].indexOf(e))(document.activeElement)"


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    """A browser for all of them."""
    if is_out_of_reach("browser") and not os.environ.get("CI"):
        pytest.skip("no browser: install chromium, or run hack/tools where there is an apt-get")
    with browser() as one:
        yield one


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", [*pages(), "many"])
def test_axe_finds_nothing(window: Browser, name: str, dark: bool) -> None:
    many_pages = {"many": overview_page(picture_of(list(many(200)), NOW, "any namespace", with_namespace=True))}
    window.show({**many_pages, **pages()}[name], dark=dark, width=WIDTH)
    window.run(tool_path("axe").read_text(encoding="utf-8"))
    assert window.run(AXE) == []


def test_the_keyboard_reaches_everything_in_order(window: Browser) -> None:
    window.show(pages()["overview"], width=WIDTH)
    expected = window.run(REACHABLE)
    assert expected > len(sample_month())
    seen = []
    for _ in range(expected):
        window.press_tab()
        seen.append(window.run(FOCUSED))
    assert len(set(seen)) == expected
    assert seen == sorted(seen), "in the order in which they stand there"
    outline = window.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "where one is can be seen"


@pytest.mark.parametrize("width", [360, WIDTH])
def test_nothing_but_tables_is_wider_than_the_window(window: Browser, width: int) -> None:
    for page in pages().values():
        window.show(page, width=width)
        assert window.run("document.documentElement.scrollWidth") <= width


def test_what_is_wrong_is_found_at_all(window: Browser) -> None:
    window.show("<html><body><img src='x'><p style='color:#eee;background:#fff'>pale</p></body></html>")
    window.run(tool_path("axe").read_text(encoding="utf-8"))
    found = {one.partition(":")[0] for one in window.run(AXE)}
    assert {"image-alt", "color-contrast", "html-has-lang"} <= found


def test_the_pictures_in_the_docs_are_of_the_page_as_it_is_now(window: Browser) -> None:
    made = pictures(window)
    assert len(set(made.values())) == len(made), "none is as another one, so dark is not as light"
    for path, picture in made.items():
        assert picture.startswith(b"\x89PNG")
        assert path.exists(), f"{path} is missing: run python -m hack.page_pictures"
    # Another machine's fonts draw other pixels; what is drawn is the same.
    assert noted()["pages"] == digest(), (
        "the page looks another way now: run python -m hack.page_pictures, and look at them"
    )
