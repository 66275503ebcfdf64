"""Make docs/page/*.png anew: `python -m hack.page_pictures` after a change of the page's looks.

They are of a month with forty sources, a stampede, an outage of two hours and one of a day, a damaged repository, and a
source that was forgotten. Beside them, `pages.sha256` has a hash of the pages that they show, since pixels differ from
machine to machine, and one of each picture as it was written, so that none takes another one's place.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from hack.browser import Browser, browser
from hack.sample_month import NOW, sample_month
from volsync_py import __version__
from volsync_py.health.sharing import health_among
from volsync_py.page.one import one_page
from volsync_py.page.overview import overview_page
from volsync_py.page.seen import picture_of

TARGET = Path(__file__).parents[1] / "docs" / "page"
WIDTH = 1180
DIGEST = TARGET / "pages.sha256"
# What one sees before the long list of sources ends.
_HEIGHT = 1100
# Picture: its page, what of it (all that the window shows, if nothing is said), and whether it is dark.
_PICTURES = {
    "overview-light": ("overview", "", False),
    "overview-dark": ("overview", "", True),
    "night-light": ("overview", "section:has(.night)", False),
    "night-dark": ("overview", "section:has(.night)", True),
    "one-light": ("one", "", False),
    "one-dark": ("one", "", True),
}
_SHOWN = "gitea"


def pages() -> dict[str, str]:
    """Return the pages that are shown, by name, as they are in each version."""
    objects = sample_month()
    picture = picture_of(objects, NOW, "any namespace", with_namespace=True)
    one = next(obj for obj in objects if obj["metadata"]["name"] == _SHOWN)
    made = {
        "overview": overview_page(picture, lambda one: f"#{one.full_name}"),
        "one": one_page(one, health_among(one, objects, NOW), NOW, back="index.html"),
    }
    return {name: page.replace(f"volsync_py {__version__}", "volsync_py") for name, page in made.items()}


def digest() -> str:
    """Return what the pages that are shown are known by."""
    return sha256("".join(pages().values()).encode()).hexdigest()


def noted() -> dict[str, str]:
    """Return the hashes that were written: that of the pages as `pages`, and those of the pictures by their files."""
    pairs = (line.split() for line in DIGEST.read_text(encoding="utf-8").splitlines())
    return {name: value for value, name in pairs}


def pictures(window: Browser) -> dict[Path, bytes]:
    """Return the pictures by their paths."""
    made = {}
    for name, (page, element, dark) in _PICTURES.items():
        window.show(pages()[page], dark=dark, width=WIDTH, height=_HEIGHT)
        made[TARGET / f"{name}.png"] = window.picture(element)
    return made


def main() -> None:
    """Write them."""
    TARGET.mkdir(exist_ok=True)
    with browser() as window:
        made = pictures(window)
    hashes = {"pages": digest(), **{path.name: sha256(picture).hexdigest() for path, picture in made.items()}}
    for path, picture in made.items():
        path.write_bytes(picture)
    DIGEST.write_text("".join(f"{value}  {name}\n" for name, value in hashes.items()), encoding="utf-8")


if __name__ == "__main__":
    main()
