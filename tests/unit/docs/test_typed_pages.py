"""Each command that a page shows is typed by a test of pages, or somebody is named who runs it."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import yaml

from hack.processes import ROOT
from tests.integration.docs.alike import alike, unlike
from tests.integration.docs.elsewhere import ELSEWHERE, PICTURED, SCRIPTS, SHOWN, WHOLE, Nobody, Run
from tests.integration.docs.pages import PAGES, fragments, manifests, path_of, rules, shown
from tests.markdown import Block, blocks, indented
from volsync_py.commands.program import find
from volsync_py.commands.table import COMMANDS, PRINTED

_TYPING = ROOT / "tests" / "integration" / "docs" / "test_pages.py"
# What a block may be of, and what of it is run.
_LANGUAGES = {"bash", "console", "sh", "text", "yaml"}
# A command of ours, in a block or in a sentence; it ends where the shell begins another one.
_OURS = re.compile(r"(?:volsync-py|kubectl volsync-py) ([a-z][^`\n|>&;#)]*)")
_CODE = re.compile(r"`([^`]+)`")


@cache
def typed() -> dict[str, dict[str, set[str]]]:
    """Return what the test of pages does, by the method of its reader: page → its headings, none meaning all."""
    found: dict[str, dict[str, set[str]]] = {"reads": {}, "tries": {}}
    for node in ast.walk(ast.parse(_TYPING.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in found:
            page, *headings = (one.value for one in node.args if isinstance(one, ast.Constant))
            found[node.func.attr].setdefault(str(page), set()).update(map(str, headings))
    return found


def is_typed(page: str, block: Block) -> bool:
    """Return whether the test of pages types a block of `bash`."""
    headings = typed()["reads"].get(page)
    return headings is not None and (not headings or block.heading in headings)


def has_somebody(page: str, block: Block) -> bool:
    """Return whether somebody is named who runs a block of `sh`."""
    return (page, block.heading) in SCRIPTS or all(line in ELSEWHERE for line in block.text.splitlines() if line)


def missing(page: str) -> list[str]:
    """Return the blocks of a page that nobody runs."""
    found = blocks(path_of(page))
    left = [block for block in found if block.language == "bash" and not is_typed(page, block)]
    left += [block for block in found if block.language == "sh" and not has_somebody(page, block)]
    tried = page in typed()["tries"]
    return [block.text for block in left] + [one for one in shown(page) if not tried and one not in SHOWN]


@pytest.mark.parametrize("page", [page for page in PAGES if page not in WHOLE])
def test_each_command_of_a_page_is_typed_or_somebody_is_named_who_runs_it(page: str) -> None:
    assert missing(page) == []
    # Else nobody knows whether it is something to be typed.
    assert {block.language for block in blocks(path_of(page))} <= _LANGUAGES
    assert indented(path_of(page)) == []


def test_whoever_is_named_is_there_and_still_needed() -> None:
    assert {name for name in WHOLE.values() if not (ROOT / name).exists()} == set()
    told = [(page, block) for page in PAGES for block in blocks(path_of(page)) if block.language == "sh"]
    scripts = {(page, block.heading) for page, block in told} & SCRIPTS.keys()
    lines = {line for page, block in told if (page, block.heading) not in SCRIPTS for line in block.text.splitlines()}
    assert (scripts, lines - {""}) == (set(SCRIPTS), set(ELSEWHERE))
    assert SHOWN.keys() | PICTURED.keys() <= {command for page in PAGES for command in shown(page)}


def runs() -> list[Run]:
    """Return who is named, also as what comes nearest."""
    named = (*ELSEWHERE.values(), *SCRIPTS.values(), *SHOWN.values())
    return [one for one in (one.beside if isinstance(one, Nobody) else one for one in named) if one is not None]


@pytest.mark.parametrize("run", runs(), ids=lambda run: f"{run.file}: {run.text}")
def test_whoever_is_named_runs_the_command_or_what_is_said_to_be_like_it(run: Run) -> None:
    assert run.text in (ROOT / run.file).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", PICTURED)
def test_each_line_of_a_sample_of_another_cluster_is_in_a_sample_of_a_test(command: str) -> None:
    pictures = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in PICTURED[command])
    for page in PAGES:
        assert list(unlike(shown(page).get(command, ""), pictures)) == [], page


def test_a_sample_is_like_what_has_other_numbers_and_no_other_words() -> None:
    sample = "photos: snapshot 9f3c9f3c, 1200 files, 5.0 GiB, in 41.5s …, 2026-11-29 02:00:11Z, web (1 pod)"
    assert alike(
        sample, "photos: snapshot 11aa22bb, 1\n  file, 12 B, in 2.0s or so, 2026-11-30 12:00:00Z, web (3 pods)"
    )
    for other in (sample.replace("files", "folders"), sample.replace("web", "app"), sample.replace(", in", ", after")):
        assert not alike(sample, other)


@pytest.mark.parametrize("page", PAGES)
def test_each_block_of_yaml_is_a_manifest_or_a_fragment_that_is_tried(page: str) -> None:
    found = [block.text for block in blocks(path_of(page)) if block.language == "yaml"]
    assert sorted(found) == sorted([*manifests(page), *fragments(page), *rules(page)])


def test_each_page_of_the_navigation_is_looked_at() -> None:
    navigation = yaml.safe_load((ROOT / "hack" / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    named = re.findall(r"[\w/-]+\.md", yaml.safe_dump(navigation))
    assert {Path(page).name for page in named if "/" not in page} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_the_options_of_our_commands_in_sentences_are_theirs(page: str) -> None:
    for text in told(page):
        name, *words = shlex.split(text)
        if name in PRINTED:
            assert {word for word in words if word.startswith("--")} <= set(PRINTED[name]), text
        elif name in COMMANDS and words:
            find(name).make_context(name, words)


def told(page: str) -> list[str]:
    """Return our commands that a page shows, in blocks and in sentences, without `volsync-py`."""
    whole = path_of(page).read_text(encoding="utf-8")
    typed_ones = [block.text for block in blocks(path_of(page)) if block.language in {"bash", "sh"}]
    lines = [*shown(page), *(line for text in typed_ones for line in text.splitlines())]
    sentences = (" ".join(code.split()) for code in _CODE.findall(re.sub(r"```.*?```", "", whole, flags=re.DOTALL)))
    return [found.strip() for text in (*lines, *sentences) for found in _OURS.findall(text)]
