"""Guards are taken out of a copy of the tree, one by one, and the tests that should miss them are run.

`hack/mutations.toml` says what is taken out of where, and which tests are to notice. The copy and its environment are
kept with the tools, so that only the first run installs anything. Standard library only, as hack/tools.
"""

from __future__ import annotations

import argparse
import ast
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hack.tool_cache import cache_folder

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name("mutations.toml")
# Far more than a few test modules take; what a mutation makes hang is noticed by this.
_MOST_SECONDS = 900.0
_PASSED, _FAILED = 0, 1


class MutationError(Exception):
    """A mutation cannot be made, or what was to notice it tells nothing; the text says why."""


@dataclass(frozen=True)
class Mutation:
    """One thing that must not be lost: where it stands, what stands there without it, and which tests notice."""

    name: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied_to(self, text: str) -> str:
        """Return the file's text without the guard; MutationError unless it stands there exactly once."""
        found = text.count(self.old)
        if found != 1:
            raise MutationError(f"{self.name}: its text is in {self.file} {found} times, not once")
        return text.replace(self.old, self.new)


def read_list(path: Path = LIST) -> list[Mutation]:
    """Return all mutations, by their names; MutationError for an entry that is not as the file's head says."""
    found: list[Mutation] = []
    for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
        if set(entry) != {"what", "file", "old", "new", "tests"} or not entry["old"] or not entry["tests"]:
            raise MutationError(f"{name}: an entry has what, file, old, new and tests")
        tests = tuple(entry["tests"])
        found.append(Mutation(name, entry["what"], entry["file"], entry["old"], entry["new"], tests))
    return found


class Copy:
    """A copy of the tree that may be broken, with an environment whose programs run from it."""

    def __init__(self, base: Path) -> None:
        self.tree, self._venv = base / "tree", base / "venv"

    def prepare(self) -> None:
        """Take over what is in the tree now, and install what it needs if that has changed."""
        shutil.rmtree(self.tree, ignore_errors=True)
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listing, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0"):
            source, target = ROOT / name, self.tree / name
            if source.is_file() or source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        wanted = (self.tree / "setup.cfg").read_text(encoding="utf-8")
        installed = self._venv / "installed"
        if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
            print("hack/mutations: making an environment", file=sys.stderr, flush=True)
            venv.create(self._venv, clear=True, with_pip=True)
            pip = [str(self._venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "-e", ".[test]"], cwd=self.tree, check=True)
            installed.write_text(wanted, encoding="utf-8")

    def test(self, tests: Iterable[str]) -> tuple[int, str]:
        """Run tests until one fails; return pytest's exit code, and what it printed."""
        python = str(self._venv / "bin" / "python")
        command = [python, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", "--tb=no", *tests]
        path = f"{self._venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        # The same examples of a property each time; and none of the caller's own tree.
        env = {**os.environ, "CI": "true", "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        env.pop("PYTHONPATH", None)
        with subprocess.Popen(
            command,
            cwd=self.tree,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        ) as process:
            try:
                said, _ = process.communicate(timeout=_MOST_SECONDS)
            except subprocess.TimeoutExpired:
                said = f"nothing after {_MOST_SECONDS:g} s"
                return _FAILED, said
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        return process.returncode, said


def noticed_by(copy: Copy, mutation: Mutation) -> str:
    """Return the test that fails without the guard, or nothing."""
    file = copy.tree / mutation.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(mutation.applied_to(whole), encoding="utf-8")
    try:
        code, said = copy.test(mutation.tests)
    finally:
        file.write_text(whole, encoding="utf-8")
    if code not in (_PASSED, _FAILED):
        raise MutationError(f"{mutation.name}: pytest ended with {code}:\n{said[-2000:]}")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    return "" if code == _PASSED else failed[1] if failed else said.strip().splitlines()[-1]


def check(mutation: Mutation, root: Path) -> None:
    """Raise MutationError unless the guard stands in its file and each test that is named exists."""
    file = root / mutation.file
    mutation.applied_to(file.read_text(encoding="utf-8") if file.is_file() else "")
    missing = [test for test in mutation.tests if not is_there(test, root)]
    if missing:
        raise MutationError(f"{mutation.name}: there is no {', '.join(missing)}")


def is_there(test: str, root: Path) -> bool:
    """Return whether a test exists: a path, or a file's function or class of tests, whatever its parameters."""
    path, *names = test.partition("[")[0].split("::")
    if not names:
        return (root / path).exists()
    if not (root / path).is_file():
        return False
    inside: list[ast.stmt] = _parsed(root / path).body
    for name in names:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        found = [node for node in inside if isinstance(node, kinds) and node.name == name]
        if not found:
            return False
        inside = found[-1].body
    return True


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def _chosen(names: Sequence[str]) -> list[Mutation]:
    mutations = read_list()
    unknown = set(names) - {one.name for one in mutations}
    if unknown:
        raise MutationError(f"no mutation is called {', '.join(sorted(unknown))}")
    chosen = [one for one in mutations if not names or one.name in names]
    for one in chosen:
        check(one, ROOT)
    return chosen


def _run(chosen: list[Mutation]) -> int:
    # Else the tests of the moment would go on without anybody.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    base = cache_folder() / "mutations"
    base.mkdir(parents=True, exist_ok=True)
    with (base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        copy = Copy(base)
        copy.prepare()
        # What fails anyhow would notice everything.
        code, said = copy.test(dict.fromkeys(test for one in chosen for test in one.tests))
        if code != _PASSED:
            raise MutationError(f"the tests fail without any mutation:\n{said[-2000:]}")
        survivors = 0
        for one in chosen:
            started = time.monotonic()
            test = noticed_by(copy, one)
            survivors += not test
            told = f"caught    {one.name}: {test}" if test else f"SURVIVED  {one.name}: {one.what}"
            print(f"{told} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"{len(chosen)} mutations, {survivors} survived")
    return 1 if survivors else 0


def main(argv: Sequence[str]) -> int:
    """Run the mutations named, or all."""
    parser = argparse.ArgumentParser(prog="hack/mutations", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print them, and whether they can be made")
    parser.add_argument("names", nargs="*", metavar="NAME", help="those to run; all without any")
    options = parser.parse_args(argv)
    try:
        chosen = _chosen(options.names)
        if not options.list:
            return _run(chosen)
    except KeyboardInterrupt:
        return 130
    except MutationError as error:
        print(f"hack/mutations: {error}", file=sys.stderr)
        return 2
    for one in chosen:
        print(f"{one.name}: {one.what}\n  {one.file} <- {', '.join(one.tests)}")
    return 0
