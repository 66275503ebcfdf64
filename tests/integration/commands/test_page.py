"""`volsync-py page`, as a process, against a cluster whose statuses the test has written."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.processes import DevCluster
from tests.integration.commands.asking import command, into_full_disk


def test_a_page_is_printed_that_costs_a_request_for_each_kind(quiet: DevCluster) -> None:
    quiet.admin("clear")
    done = command(quiet.kubeconfig, "page", "-A")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('<!doctype html>\n<html lang="en">')
    assert "2 of 2 backed up in the last 24 h" in done.stdout
    assert "→ correct RESTIC_PASSWORD" not in done.stdout, "the arrow is the style's"
    assert "correct RESTIC_PASSWORD" in done.stdout
    asked = [r for r in quiet.admin("requests")["requests"] if r["agent"].startswith("volsync-py-command/")]
    assert len(asked) <= 3

    one = command(quiet.kubeconfig, "page", "broken", "-n", "office")
    assert (one.returncode, one.stderr) == (0, "")
    assert "office/broken: failing, WrongPassword" in one.stdout


def test_a_folder_holds_a_page_of_each(quiet: DevCluster, tmp_path: Path) -> None:
    done = command(quiet.kubeconfig, "page", "-A", "--to", str(tmp_path / "pages"))
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'pages' / 'index.html'} is there\n")
    index = (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    for path in ("source/default/well.html", "source/office/broken.html", "destination/default/restored.html"):
        assert f'href="{path}"' in index
        assert 'href="../../index.html"' in (tmp_path / "pages" / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["page", "none"], 1, "there is no source and no destination called none in the namespace default"),
        (["page", "well", "-A"], 2, "leave -A, -l and --to out"),
        (["page", "--to", "/proc/none"], 1, "cannot be written"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_next_step(quiet: DevCluster, words: list[str], code: int, says: str) -> None:
    done = command(quiet.kubeconfig, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in " ".join(done.stderr.split())


def test_labels_choose(quiet: DevCluster) -> None:
    done = command(quiet.kubeconfig, "page", "-A", "-l", "app=none")
    assert "No sources and no destinations in any namespace" in done.stdout


def test_a_page_that_finds_no_room_is_a_sentence(quiet: DevCluster) -> None:
    said = "volsync-py page: standard output cannot be written: No space left on device\n"
    assert into_full_disk(quiet.kubeconfig, "page") == (1, said)
