"""Signatures of a release: of its files, and of its image where it has been pushed to.

With a key alone: no log and no authority is asked, so none can say no, and nobody else learns of it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hack.release_parts import ROOT, Failed, run
from hack.tool_cache import prepare

SUMS = "SHA256SUMS"
_PASSWORD = "COSIGN_PASSWORD"
_ARCHIVE = re.compile(r"(?P<title>.+)-image-(?P<tag>.+)-[a-z0-9]+\.tar")


@dataclass(frozen=True)
class Key:
    """The file of a key that signs, and its password; None where cosign is to ask for it."""

    path: Path
    password: str | None = field(default=None, repr=False)

    @property
    def env(self) -> dict[str, str]:
        """What a cosign that signs finds in its environment."""
        return {} if self.password is None else {_PASSWORD: self.password}


def take_password() -> str | None:
    """Take the key's password out of the environment, which every program that is started inherits."""
    return os.environ.pop(_PASSWORD, None)


def write_sums(folder: Path) -> None:
    """Write the sum of each file, as sha256sum checks it."""
    lines = [f"{_sum(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def sign_sums(folder: Path, key: Key) -> None:
    """Sign the sums, which stand for all files."""
    signed = folder / SUMS
    bundle = signed.with_name(f"{signed.name}.sigstore.json")
    with _without_services() as options:
        given = [f"--key={key.path}", *options, f"--bundle={bundle}"]
        run(_cosign(), "sign-blob", *given, "--yes", signed, cwd=ROOT, **key.env)
    # Made as only its owner may read it; it is for everybody.
    bundle.chmod(0o644)


def publish_image(folder: Path, repository: str, key: Key) -> str:
    """Push the image of a folder, sign it and its bill of materials there, and return its name with the digest."""
    names = _checked(folder)
    archives = [found for name in sorted(names) if (found := _ARCHIVE.fullmatch(name))]
    if len(archives) != 1:
        raise Failed(f"{SUMS} lists {len(archives)} images, not one; made with --no-image, or another folder")
    (found,) = archives
    bill = f"{found['title']}-image.cdx.json"
    for needed in ("install.yaml", bill):
        if needed not in names:
            raise Failed(f"{SUMS} does not list {needed}, which is published, too; make the folder again")
    name = f"{repository}:{found['tag']}"
    if f"image: {name}\n" not in (folder / "install.yaml").read_text(encoding="utf-8"):
        raise Failed(f"install.yaml does not name {name}; say the --repository that the folder was made with")
    pushed = run(prepare(["crane"])["crane"], "push", folder / found.string, name, cwd=ROOT).strip()
    with _without_services() as options:
        given = [f"--key={key.path}", *options, "--yes"]
        run(_cosign(), "sign", *given, pushed, cwd=ROOT, **key.env)
        stated = ["--type=cyclonedx", f"--predicate={folder / bill}"]
        run(_cosign(), "attest", *given, *stated, pushed, cwd=ROOT, **key.env)
    return pushed


def _checked(folder: Path) -> set[str]:
    """Return the names of the files that have sums; Failed unless each is what was made."""
    names = set()
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        wanted, _, name = line.partition("  ")
        if _sum(folder / name) != wanted:
            raise Failed(f"{name} is not what was made: {SUMS} has another sum of it")
        names.add(name)
    return names


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cosign() -> Path:
    return prepare(["cosign"])["cosign"]


@contextmanager
def _without_services() -> Iterator[list[str]]:
    """Yield the options that have cosign ask nobody."""
    with tempfile.TemporaryDirectory() as work:
        services, trusted = Path(work) / "services.json", Path(work) / "trusted.json"
        run(_cosign(), "signing-config", "create", f"--out={services}", cwd=ROOT)
        run(_cosign(), "trusted-root", "create", f"--out={trusted}", cwd=ROOT)
        yield [f"--signing-config={services}", f"--trusted-root={trusted}"]
