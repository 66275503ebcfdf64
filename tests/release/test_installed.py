"""Each file of a release is installed as people install it, and is of this version."""

from __future__ import annotations

import os
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack.processes import DevCluster
from hack.tool_cache import prepare
from tests.release.making import PROGRAM, VERSION, run
from volsync_py.commands import table

pytestmark = pytest.mark.timeout(1200)
DEPLOYMENT = "/apis/apps/v1/namespaces/volsync-system/deployments/volsync"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """A cluster that nothing is installed in."""
    one = DevCluster(tmp_path_factory.mktemp("cluster"))
    yield one
    one.stop()


@pytest.mark.parametrize("file", [f"volsync_py-{VERSION}-py3-none-any.whl", f"volsync_py-{VERSION}.tar.gz"])
def test_pip_installs_wheel_and_sources(made: Path, tmp_path: Path, file: str) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    programs = tmp_path / "venv" / "bin"
    pip = (sys.executable, "-m", "pip", f"--python={programs / 'python'}", "--quiet", "--disable-pip-version-check")
    run(*pip, "install", f"{made / file}[cli]", folder=tmp_path)
    run(*pip, "check", folder=tmp_path)

    assert run(programs / "volsync-py", "version", folder=tmp_path) == f"volsync-py {VERSION}\n"
    assert run(programs / "volsync-py", "crds", folder=tmp_path) == (made / "crds.yaml").read_text("utf-8")
    assert "--leader-elect" in run(programs / "volsync-py", "manager", "--help", folder=tmp_path)
    assert "there is no such file" in run(programs / PROGRAM, "status", "--kubeconfig=none", folder=tmp_path, code=1)
    metric = (
        "from volsync_py.telemetry.metrics import Metrics; from prometheus_client import generate_latest;"
        "m = Metrics(); print(generate_latest(m.registry).decode())"
    )
    assert f'version="{VERSION}"' in run(programs / "python", "-P", "-c", metric, folder=tmp_path)


def test_the_command_line_is_one_file_for_every_processor(made: Path, tmp_path: Path) -> None:
    with tarfile.open(made / f"{PROGRAM}-{VERSION}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    program = tmp_path / PROGRAM
    assert program.read_bytes() == (made / PROGRAM).read_bytes()
    with zipfile.ZipFile(program) as archive:
        assert not [name for name in archive.namelist() if name.endswith((".so", ".pyd"))]
    # Small enough to be fetched by whoever only wants to look.
    assert program.stat().st_size < 5_000_000
    # Its files are unpacked once, below this folder.
    env = {"SHIV_ROOT": str(tmp_path / "shiv")}

    assert run(program, "version", folder=tmp_path, env=env) == f"volsync-py {VERSION}\n"
    for name in table.COMMANDS:
        assert run(program, name, "--help", folder=tmp_path, env=env).lower().startswith("usage:"), name
    said = run(program, "status", "--kubeconfig=none", folder=tmp_path, code=1, env=env)
    assert "there is no such file" in said


def test_krew_takes_its_manifest_and_installs_the_archive(made: Path, tmp_path: Path) -> None:
    manifest = made / "volsync-py.yaml"
    validate = prepare(["validate-krew-manifest"])["validate-krew-manifest"]
    said = run(validate, "-skip-install", "-manifest", manifest, folder=tmp_path)
    assert "structural validation OK" in said

    tools = prepare(["krew", "fetched-kubectl"])
    env = {"KREW_ROOT": str(tmp_path / "krew"), "KREW_NO_UPGRADE_CHECK": "1", "SHIV_ROOT": str(tmp_path / "shiv")}
    env["PATH"] = f"{tmp_path / 'krew' / 'bin'}:{os.environ['PATH']}"
    archive = made / f"{PROGRAM}-{VERSION}.tar.gz"
    run(tools["krew"], "install", f"--manifest={manifest}", f"--archive={archive}", folder=tmp_path, env=env)
    said = run(tools["fetched-kubectl"], "volsync-py", "version", folder=tmp_path, env=env)
    assert said == f"volsync-py {VERSION}\n"


def test_kubectl_applies_the_manifests_and_helm_puts_its_release_in_their_place(
    made: Path, cluster: DevCluster, repository: str, tmp_path: Path
) -> None:
    tools = prepare(["helm", "fetched-kubectl"])
    env = {"KUBECONFIG": str(cluster.kubeconfig), "SHIV_ROOT": str(tmp_path / "shiv")}
    apply = (tools["fetched-kubectl"], "apply", "--server-side")
    run(tools["fetched-kubectl"], "create", "namespace", "volsync-system", folder=tmp_path, env=env)
    run(*apply, f"--filename={made / 'crds.yaml'}", folder=tmp_path, env=env)
    run(*apply, f"--filename={made / 'install.yaml'}", folder=tmp_path, env=env)
    assert image_of(cluster) == f"{repository}:{VERSION}"
    # It finds the definitions, and nothing of them yet.
    said = run(made / PROGRAM, "status", "--all-namespaces", folder=tmp_path, env=env)
    assert said.startswith("no sources and no destinations")

    run(tools["fetched-kubectl"], "delete", f"--filename={made / 'install.yaml'}", folder=tmp_path, env=env)
    chart = made / f"volsync-{VERSION}.tgz"
    about = yaml.safe_load(run(tools["helm"], "show", "chart", chart, folder=tmp_path))
    assert (about["version"], about["appVersion"]) == (VERSION, VERSION)
    install = (tools["helm"], "install", "volsync", chart, "--namespace=volsync-system", "--create-namespace")
    run(*install, f"--set=image.repository={repository}", folder=tmp_path, env=env)
    assert image_of(cluster) == f"{repository}:{VERSION}"


def image_of(cluster: DevCluster) -> str:
    (container,) = cluster.get(DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
    return str(container["image"])
