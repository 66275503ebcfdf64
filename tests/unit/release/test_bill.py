"""A bill of materials says which restic an image has, though restic does not say so itself."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from hack.release_parts import Failed, restic_in


def packed(contents: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(None, "w", out) as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def image(folder: Path, *layers: dict[str, bytes]) -> Path:
    """Save an image of these layers, as buildah and docker do."""
    files = {f"{number}.tar": packed(layer) for number, layer in enumerate(layers)}
    files["manifest.json"] = json.dumps([{"Config": "c.json", "RepoTags": [], "Layers": list(files)}]).encode()
    path = folder / "image.tar"
    path.write_bytes(packed(files))
    return path


def test_the_version_is_the_one_that_the_last_layer_has_written_down(tmp_path: Path) -> None:
    old, new = b"restic 0.18.0 compiled with go1.24", b"restic 0.19.1 compiled with go1.26"
    saved = image(tmp_path, {"app/restic-version": old}, {"app/restic-version": new}, {"etc/hostname": b""})
    assert restic_in(saved) == "v0.19.1"


def test_an_image_that_does_not_say_it_makes_no_release(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="does not say which restic it has"):
        restic_in(image(tmp_path, {"etc/hostname": b""}))
