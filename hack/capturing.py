"""Make the page of captures: commands in a real terminal, against the development cluster. Run it with `hack/captures`.

What the screen shows is taken again and again while a command runs; of screens that differ, a few are kept.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from hack.captured_texts import DIGEST, digest
from hack.demonstration import NAMESPACE, Story
from hack.processes import ROOT, DevCluster, Manager, S3Server, wait_until
from hack.tool_cache import tool_path

PAGE = ROOT / "docs" / "captures.md"
FOLDER = ROOT / "docs" / "captures"
_WIDTH, _HEIGHT = 100, 30
# Often enough to see each line of progress, which a mover says every five seconds.
_LOOK_SECONDS = 0.3
# Of a command that runs, so many screens tell the story.
_MOST_SCREENS = 4
_PROMPT = "$ "
_BETWEEN = "\n\n[…]\n\n"
_HEAD = """# What it looks like in a terminal

Made by `hack/captures`: commands were typed into a terminal of 100 columns, against the development cluster; `[…]`
stands where time passed. [command-line.md](command-line.md) says what each of them does.
"""


class Terminal:
    """A shell in tmux, with a server of its own."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._socket = str(folder / "tmux")
        shell = f"PS1='{_PROMPT}' exec bash --norc --noprofile"
        # What is downloaded is written there.
        size = ("-x", str(_WIDTH), "-y", str(_HEIGHT), "-c", str(folder))
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "one", *size, shell, env=env)
        self.wait_for(lambda screen: screen.endswith(_PROMPT.rstrip()), "the prompt")

    def run(self, command: str, enough: Callable[[str], bool] | None = None) -> list[str]:
        """Type a command on an empty screen, and return the screens until it ends, or they are enough."""
        self._tmux("send-keys", "-t", "one", "clear", "Enter")
        self.wait_for(lambda screen: screen == _PROMPT.rstrip(), "an empty screen")
        self._tmux("send-keys", "-t", "one", "-l", command)
        self._tmux("send-keys", "-t", "one", "Enter")
        return self.wait_for(enough or self.is_done, command)

    def type(self, *keys: str, enough: Callable[[str], bool]) -> list[str]:
        """Press keys, and return the screens until they are enough."""
        self._tmux("send-keys", "-t", "one", *keys)
        return self.wait_for(enough, " ".join(keys))

    @staticmethod
    def is_done(screen: str) -> bool:
        """Return whether the shell waits for the next command."""
        return len(screen.splitlines()) > 1 and screen.splitlines()[-1] == _PROMPT.rstrip()

    def wait_for(self, enough: Callable[[str], bool], what: str) -> list[str]:
        """Return the screens that differ, until one of them is enough."""
        screens: list[str] = []

        def look() -> bool:
            screen = self._screen()
            if not screens or screens[-1] != screen:
                screens.append(screen)
            time.sleep(_LOOK_SECONDS)
            return enough(screen)

        wait_until(what, look, 180)
        return screens

    def end(self) -> None:
        """End the shell and what runs in it."""
        self._tmux("kill-server")

    def _screen(self) -> str:
        shown = self._tmux("capture-pane", "-p", "-t", "one")
        return "\n".join(line.rstrip() for line in shown.splitlines()).strip("\n")

    def _tmux(self, *words: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(["tmux", "-S", self._socket, *words], env=env, capture_output=True, text=True, check=True)
        return done.stdout


@frozen
class Capture:
    """What is shown of one command."""

    name: str
    title: str
    screens: Sequence[str]

    def text(self) -> str:
        """Return its screens, one after the other, without the prompt that comes last."""
        kept = [re.sub(rf"\n{re.escape(_PROMPT.rstrip())}$", "", screen) for screen in self.screens]
        # What a program that has the whole screen leaves empty is no picture.
        kept = [re.sub(r"\n{3,}", "\n\n", screen) for screen in kept]
        return _BETWEEN.join(dict.fromkeys(kept)) + "\n"


class Set(Story):
    """The cluster that the commands are typed at."""

    def tell(self, text: str) -> None:
        """Say it where the captures are not."""
        print(text, file=sys.stderr, flush=True)

    def open(self) -> None:
        """Start everything, with one backup made and a source that fails."""
        self.cluster = DevCluster(self.folder)
        self.s3 = S3Server(self.folder)
        Manager(self.folder, self.cluster.kubeconfig).leads()
        self._prepare()
        self._backup("first", "the first backup")
        self._create(self._path("secrets"), {"metadata": {"name": "wrong"}, "stringData": self._wrong()})
        spec = {
            "sourcePVC": "mydata",
            "trigger": {"schedule": "0 * * * *"},
            "restic": {"repository": "wrong", "copyMethod": "Direct"},
        }
        body = {"kind": "ReplicationSource", "metadata": {"name": "letters"}, "spec": spec}
        path = self._path("replicationsources", "apis/volsync.backube/v1alpha1")
        change = {"spec": {"trigger": {"schedule": "0 3 * * *", "manual": None}}}
        self.cluster.ask("PATCH", f"{path}/mydata-backup", change, "application/merge-patch+json")
        self._create(path, body)
        run = {"metadata": {"annotations": {"volsync-py/run-now": "now"}}}
        self.cluster.ask("PATCH", f"{path}/letters", run, "application/merge-patch+json")
        wait_until("the failure", lambda: "WrongPassword" in str(self.cluster.get(f"{path}/letters")))

    def change(self) -> None:
        """Write as much into the volume as takes half a minute to upload."""
        self._shell("head -c 250000000 /dev/urandom > '/data/a folder/more.bin'; echo more >> /data/notes.txt")

    def _wrong(self) -> dict[str, str]:
        return {
            "RESTIC_REPOSITORY": f"s3:http://127.0.0.1:{self.s3.port}/demo/mydata",
            "RESTIC_PASSWORD": "another",
            "AWS_ACCESS_KEY_ID": self.s3.ACCESS,
            "AWS_SECRET_ACCESS_KEY": self.s3.SECRET,
        }


def captures(stage: Set, terminal: Terminal) -> list[Capture]:
    """Type the commands, and return what is kept of their screens."""
    found = [_watched(stage, terminal)]
    stage.change()
    screens = terminal.run("volsync-py backup mydata-backup --wait")
    found.append(Capture("backup-wait", "A backup is waited for", few(_that_tell(screens))))
    page = terminal.run("volsync-py status mydata-backup")
    found.append(Capture("status-page", "Everything about one source", page[-1:]))
    asked = terminal.run("volsync-py restore mydata-backup --in-place --previous 1", lambda screen: "go on?" in screen)
    done = terminal.type("y", "Enter", enough=Terminal.is_done)
    found.append(
        Capture("restore", "A restore in place, from the question to the undo", few([asked[-1], *_that_tell(done)]))
    )
    found.append(_browsed(terminal))
    return found


def _browsed(terminal: Terminal) -> Capture:
    """Look through snapshots: the list, the newest one's files, one of them found and downloaded."""
    listed = terminal.run("volsync-py browse mydata-backup", lambda screen: "AGE" in screen)
    opened = terminal.type("Enter", enough=lambda screen: "notes.txt" in screen)
    terminal.type("/", enough=lambda screen: "part of a name" in screen)
    terminal.type("notes", "Enter", enough=lambda screen: "filter: notes" in screen and "part of" not in screen)
    loaded = terminal.type("d", enough=lambda screen: "those that were sent" in screen)
    terminal.type("q", enough=Terminal.is_done)
    return Capture(
        "browse", "`volsync-py browse`: snapshots, a folder, a file downloaded", [listed[-1], opened[-1], loaded[-1]]
    )


def _watched(stage: Set, terminal: Terminal) -> Capture:
    def running(screen: str) -> bool:
        return "1 running" in screen

    first = terminal.run("volsync-py status --all --watch --interval 1", lambda screen: "needs you" in screen)
    path = f"/apis/volsync.backube/v1alpha1/namespaces/{NAMESPACE}/replicationsources/mydata-backup"
    run = {"metadata": {"annotations": {"volsync-py/run-now": "again"}}}
    stage.cluster.ask("PATCH", path, run, "application/merge-patch+json")
    second = terminal.wait_for(running, "the run")
    third = terminal.wait_for(lambda screen: "needs you" in screen and not running(screen), "its end")
    terminal.type("C-c", enough=Terminal.is_done)
    return Capture(
        "status-watch", "`volsync-py status --all --watch`, while a backup runs", [first[-1], second[-1], third[-1]]
    )


def _that_tell(screens: Sequence[str]) -> list[str]:
    """Return the screens with a bar on them, and the last one."""
    return [*(screen for screen in screens[:-1] if " %" in screen), screens[-1]]


def few(screens: Sequence[str]) -> list[str]:
    """Return a few screens, evenly, the first and the last among them."""
    if len(screens) <= _MOST_SCREENS:
        return list(screens)
    step = (len(screens) - 1) / (_MOST_SCREENS - 1)
    return [screens[round(index * step)] for index in range(_MOST_SCREENS)]


def page(found: Sequence[tuple[str, str]]) -> str:
    """Return the page, of titles and texts."""
    parts = [f"\n## {title}\n\n```text\n{text}```\n" for title, text in found]
    return _HEAD + "".join(parts)


def main() -> int:
    """Make the captures, or say what is missing."""
    argparse.ArgumentParser(prog="hack/captures", description=__doc__).parse_args()
    if shutil.which("tmux") is None:
        print("hack/captures: needs tmux (apt-get install tmux)", file=sys.stderr)
        return 1
    stage = Set(Path(tempfile.mkdtemp(prefix="volsync-py-captures-")))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            stage.open()
        file = [f"--kubeconfig={stage.cluster.kubeconfig}"]
        subprocess.run(
            [str(tool_path("kubectl")), *file, "config", "set-context", "--current", f"--namespace={NAMESPACE}"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        programs = Path(sys.executable).parent
        env = {"PATH": f"{programs}:/usr/bin:/bin", "KUBECONFIG": str(stage.cluster.kubeconfig), "LANG": "C.UTF-8"}
        terminal = Terminal(stage.folder, {**env, "TERM": "xterm-256color", "HOME": str(stage.folder)})
        try:
            found = captures(stage, terminal)
        finally:
            terminal.end()
    finally:
        stage.end()
    FOLDER.mkdir(exist_ok=True)
    for one in found:
        (FOLDER / f"{one.name}.txt").write_text(one.text(), encoding="utf-8")
    DIGEST.write_text(f"{digest()}\n", encoding="utf-8")
    PAGE.write_text(page([(one.title, one.text()) for one in found]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
