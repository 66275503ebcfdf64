"""Make what a release has, into one folder: `hack/release` (docs/releasing.md).

Everything is made of one commit, so the same commit gives the same bytes; what a step needs and is not there ends it
before the next one begins. Nothing is published before somebody has looked at the folder and says --publish.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from hack.release_parts import (
    ROOT,
    Failed,
    Version,
    bill_of_materials,
    krew_manifest,
    notes,
    packages,
    program,
    restic_in,
    run,
    version_of_the_checkout,
)
from hack.release_signing import Key, publish_image, sign_sums, take_password, write_sums

IMAGE_TITLE = "volsync-py"
# As images have it.
_PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}


def make(asked: argparse.Namespace, key: Key | None) -> Path:
    """Make all that is asked for, and return the folder."""
    version = version_of_the_checkout(asked.untagged)
    # Asked first: without it there is no release, and all else takes minutes.
    text = notes(version, asked.untagged)
    out: Path = asked.output or ROOT / "dist" / str(version)
    out.mkdir(parents=True)
    (out / "RELEASE_NOTES.md").write_text(text, encoding="utf-8")
    wheel = packages(out)
    image = f"{asked.repository}:{version.of_helm}"
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        command, archive = program(wheel, version, out, work)
        manifests = run(sys.executable, command, "manifests", f"--image={image}", cwd=work)
        (out / "install.yaml").write_text(manifests, encoding="utf-8")
        (out / "crds.yaml").write_text(run(sys.executable, command, "crds", cwd=work), encoding="utf-8")
        run(sys.executable, command, "chart", f"--output={out / f'volsync-{version.of_helm}.tgz'}", cwd=work)
        bill_of_materials(f"dir:{work / 'site'}", version, out / "kubectl-volsync_py.cdx.json")
    if asked.download_url:
        krew_manifest(archive, version, asked.download_url, out / "volsync-py.yaml")
    if not asked.no_image:
        saved = out / f"{IMAGE_TITLE}-image-{version.of_helm}-{processor()}.tar"
        build_image(asked.image_builder, image, saved, version)
        # It was made outside its repository, so it does not say which version it is.
        known = {"github.com/restic/restic": restic_in(saved)}
        bill_of_materials(str(saved), version, out / f"{IMAGE_TITLE}-image.cdx.json", known)
    write_sums(out)
    if key:
        sign_sums(out, key)
    return out


def publish(asked: argparse.Namespace, key: Key | None) -> str:
    """Push and sign the image of the folder that is asked for, and return its name."""
    if key is None:
        raise Failed("an image that is published is signed: say --key")
    return publish_image(asked.publish, asked.repository, key)


def processor() -> str:
    """Return what the image is built for, which is where it is built."""
    machine = platform.machine()
    return _PROCESSORS.get(machine, machine)


def build_image(builder: str | None, image: str, saved: Path, version: Version, *arguments: str) -> None:
    """Build the image of the Containerfile, and save it as an archive: the same bytes each time, on the same bases.

    `arguments` are further ones of the Containerfile, as NAME=VALUE.
    """
    # Of the other format's configuration, the name of the container that built it is a part; of a layer that was kept
    # from a build before, that build's time.
    same = ["--no-cache", "--format=oci", f"--timestamp={version.seconds}"]
    given = [f"VERSION={version}", *arguments]
    if builder:
        run(builder, ROOT, image, saved, *same, *given, cwd=ROOT, SOURCE_DATE_EPOCH=str(version.seconds))
        return
    run("buildah", "build", *same, *(f"--build-arg={one}" for one in given), f"--tag={image}", ROOT, cwd=ROOT)
    run("buildah", "push", image, f"docker-archive:{saved}:{image}", cwd=ROOT)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("hack/release", description="Make everything that a release has into one folder.")
    parser.add_argument(
        "-o", "--output", type=Path, help="the folder, which is not there yet; dist/VERSION if not said"
    )
    parser.add_argument("--repository", default=IMAGE_TITLE, help="of the image, as install.yaml names it")
    parser.add_argument("--download-url", help="where the files will be; krew's manifest is made for it")
    parser.add_argument("--key", type=Path, help="cosign's key that signs; COSIGN_PASSWORD has its password")
    parser.add_argument(
        "--publish", type=Path, metavar="FOLDER", help="make nothing: push the image of a folder, and sign it there"
    )
    parser.add_argument("--no-image", action="store_true", help="leave the image and its bill of materials out")
    parser.add_argument(
        "--image-builder",
        help="a program to call with FOLDER NAME ARCHIVE, options of buildah's and VERSION=… instead of buildah,"
        " where no registry is reached",
    )
    parser.add_argument(
        "--untagged",
        action="store_true",
        help="a trial: of a commit without a tag, with the notes of what is unreleased",
    )
    return parser


def main() -> None:
    """Make it or publish it, and say where it is; or say what is missing."""
    # Files are made for everybody, whoever makes them.
    os.umask(0o022)
    asked = _parser().parse_args()
    password = take_password()
    key = Key(asked.key, password) if asked.key else None
    try:
        done = publish(asked, key) if asked.publish else make(asked, key)
    except Failed as error:
        sys.exit(f"hack/release: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"hack/release: {error.cmd[0]} ended with {error.returncode}; what it said stands above")
    except FileExistsError as error:
        sys.exit(f"hack/release: {error.filename} is there already; take it away, or choose another --output")
    except FileNotFoundError as error:
        sys.exit(f"hack/release: {error.filename} is not there")
    sys.stdout.write(f"{done}\n")


if __name__ == "__main__":
    main()
