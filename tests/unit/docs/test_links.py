"""Links of the pages that are not in the site, which mkdocs doesn't look at, lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.markdown import anchors

ROOT = Path(__file__).parents[3]
_LINK = re.compile(r"""(?:\]\(|(?:src|srcset|href)=")([^)"\s]+)""")


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_each_link_leads_to_a_file_and_a_heading_of_it(name: str) -> None:
    links = [link for link in _LINK.findall((ROOT / name).read_text(encoding="utf-8")) if "://" not in link]
    assert links
    for link in links:
        path, _, heading = link.partition("#")
        target = ROOT / (path or name)
        assert target.exists(), link
        assert not heading or heading in anchors(target), link
