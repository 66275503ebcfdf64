"""What is printed of the manifests; tests/integration/main/test_overlays.py compares it with what kubectl builds."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from volsync_py.cli import main
from volsync_py.commands.common.shipped import MANIFESTS
from volsync_py.commands.install.chart import helm_version
from volsync_py.commands.install.kustomization import NotKnown, build

IMAGE = "registry.invalid:5000/us/volsync-py@sha256:0123"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main(words) == 0
    return list(yaml.load_all(capsys.readouterr().out, yaml.CSafeLoader))


def deployment(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [obj for obj in objects if obj["kind"] == "Deployment"]
    return found


def test_the_definitions_are_printed_as_they_are_in_their_files(capsys: pytest.CaptureFixture[str]) -> None:
    files = (Path(__file__).parents[3] / "manifests" / "crds").glob("volsync.backube_*.yaml")
    expected = [yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader) for file in sorted(files)]
    assert printed(capsys, "crds") == expected
    assert len(expected) >= 2


def test_the_image_is_the_manager_s_and_the_movers_(capsys: pytest.CaptureFixture[str]) -> None:
    objects = printed(capsys, "manifests", f"--image={IMAGE}")
    (container,) = deployment(objects)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert {"name": "VOLSYNC_PY_IMAGE", "value": IMAGE} in container["env"]
    assert "volsync-py:0" not in str(objects)


def test_what_others_are_in_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = [obj["kind"] for obj in printed(capsys, "manifests", f"--image={IMAGE}")]
    definitions = kinds.count("CustomResourceDefinition")
    assert kinds[:definitions] == ["CustomResourceDefinition"] * definitions


def test_what_is_in_no_namespace_gets_none_from_another_overlay(capsys: pytest.CaptureFixture[str]) -> None:
    objects = printed(capsys, "manifests", f"--image={IMAGE}", "--overlay=pull-secrets", "--overlay=single-namespace")
    policies = [obj for obj in objects if obj["kind"].startswith("ValidatingAdmissionPolicy")]
    assert [obj["metadata"].get("namespace") for obj in policies] == [None, None]


def test_several_overlays_change_one_base(capsys: pytest.CaptureFixture[str]) -> None:
    objects = printed(capsys, "manifests", f"--image={IMAGE}", "--overlay=ha", "--overlay=networkpolicy")
    assert deployment(objects)["spec"]["replicas"] == 2
    kinds = [obj["kind"] for obj in objects]
    assert {"NetworkPolicy", "PodDisruptionBudget"} <= set(kinds)
    assert len({(obj["kind"], obj["metadata"]["name"]) for obj in objects}) == len(objects)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["manifests"], "--image"),
        (["manifests", "--image=i", "--overlay=none"], "single-namespace"),
        (["crds", "one"], "unrecognized arguments: one"),
    ],
)
def test_a_mistake_ends_with_2_and_says_what_there_is(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "fields",
    [
        {"namePrefix": "my-"},
        {"labels": [{"pairs": {"a": "b"}, "includeSelectors": True}]},
        {"patches": [{"target": {"kind": "Namespace", "name": "n"}, "patch": "- {op: move, from: /a, path: /b}"}]},
    ],
    ids=["field", "label", "operation"],
)
def test_what_is_not_known_is_refused_and_not_left_out(tmp_path: Path, fields: dict[str, Any]) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["n.yaml"], **fields}))
    (tmp_path / "base" / "n.yaml").write_text("{kind: Namespace, metadata: {name: n}}")
    with pytest.raises(NotKnown):
        build(tmp_path, ["base"])


def test_every_folder_that_can_be_chosen_can_be_built() -> None:
    folders = [f"overlays/{folder.name}" for folder in (MANIFESTS / "overlays").iterdir()]
    assert len(folders) > 1
    for folder in folders:
        assert build(MANIFESTS, [folder]) != []


CHART = Path(__file__).parents[3] / "manifests" / "helm" / "volsync"


# Another one than the checkout's: what the chart says of itself is the program's version, which is the tag's.
VERSION, OF_HELM = "1.2.0rc3", "1.2.0-rc.3"


@pytest.mark.parametrize(
    ("version", "of_helm"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2", "1.2.0"),
        ("1.2.0rc1", "1.2.0-rc.1"),
        ("1.2.0a10", "1.2.0-alpha.10"),
        ("1.2.0b1.dev4", "1.2.0-beta.1.dev.4"),
        ("0.0.1.dev403+g0cc46f58f.d20261130", "0.0.1-dev.403+g0cc46f58f.d20261130"),
    ],
)
def test_a_version_of_pythons_is_told_to_helm_as_semver(version: str, of_helm: str) -> None:
    assert helm_version(version) == of_helm


def released(folder: Path) -> dict[str, bytes]:
    """Return what is in the chart's folder, with the version instead of what stands for it."""
    found = contents(folder)
    found["Chart.yaml"] = found["Chart.yaml"].replace(b"ersion: 0.0.0\n", b"ersion: " + OF_HELM.encode() + b"\n")
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_chart_is_written_whole_packed_or_as_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("volsync_py.commands.install.chart.__version__", VERSION)
    for words, name in (([], f"volsync-{OF_HELM}.tgz"), (["-o", "mine.tgz"], "mine.tgz")):
        assert main(["chart", *words]) == 0
        assert capsys.readouterr().out == f"{name}\n"
        with tarfile.open(name) as archive:
            packed = {entry.name.removeprefix("volsync/"): archive.extractfile(entry) for entry in archive}
            assert {name: file.read() for name, file in packed.items() if file} == released(CHART)

    assert main(["chart", "-o", "folder"]) == 0
    assert capsys.readouterr().out == "folder/volsync\n"
    assert contents(tmp_path / "folder" / "volsync") == released(CHART)


def test_a_chart_is_never_mixed_with_one_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "volsync").mkdir()
    assert main(["chart", "-o", str(tmp_path)]) == 1
    assert "File exists; choose another" in capsys.readouterr().err
