"""The pictures in the docs are those that `hack.page_pictures` wrote, each under its own name."""

from __future__ import annotations

import re
from hashlib import sha256

from hack.page_pictures import TARGET, noted
from hack.pages import DOCS


def test_each_picture_is_the_one_that_was_written_under_its_name() -> None:
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in TARGET.glob("*.png")}
    assert found == {name: value for name, value in noted().items() if name != "pages"}


def test_the_page_shows_each_picture_light_and_dark() -> None:
    shown = re.findall(r"page/([\w-]+)\.png", (DOCS / "page.md").read_text(encoding="utf-8"))
    assert sorted(f"{name}.png" for name in shown) == sorted(name for name in noted() if name != "pages")
    assert {name.removesuffix("-dark") for name in shown if name.endswith("-dark")} == {
        name.removesuffix("-light") for name in shown if name.endswith("-light")
    }
