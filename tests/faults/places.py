"""Where a mover works in the fault matrix, and what breaks each part of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from attrs import define

from hack.processes import S3Server, free_port
from tests.certificates import certificate
from tests.faults.servers import RestServer, Silent
from tests.integration.mover import prepared
from tests.integration.mover.forge import lock
from tests.integration.mover.harness import PASSWORD, Mover

NOBODY = 4194305
FOREIGN = "somebody-elses-host"


@define
class Place:
    """A mover with a good repository on one kind of backend, to be broken by a row."""

    mover: Mover
    backend: str
    s3: S3Server
    rest: RestServer
    folder: Path
    clean_up: list[Callable[[], object]]

    @property
    def repository(self) -> Path:
        """The repository's folder, where the backend has one."""
        path = self.rest.log.parent / "repositories" if self.backend == "rest" else self.folder
        return path / self.mover.repository.rsplit("/", 1)[1]

    def put(self, repository: Path) -> None:
        """Put a copy of a repository where the mover looks for it."""
        if self.backend == "s3":
            bucket_and_path = self.mover.repository.split("/", 3)[3]
            prepared.put(repository, self.s3, bucket_and_path)
        else:
            shutil.copytree(repository, self.repository)


def environ(**values: str) -> Callable[[Place], None]:
    return lambda place: place.mover.environ.update(values)


def elsewhere(url: str) -> Callable[[Place], None]:
    """Point the mover to another server; {port} is one that nobody listens on."""

    def do(place: Place) -> None:
        prefix = {"s3": "s3:", "rest": "rest:"}[place.backend]
        place.mover.repository = prefix + url.format(port=free_port()) + "/bucket/path"

    return do


def never_answers(place: Place) -> None:
    silent = Silent()
    place.clean_up.append(silent.close)
    elsewhere(f"http://127.0.0.1:{silent.port}")(place)


def unknown_ca(place: Place) -> None:
    mine, key = certificate(place.folder / "tls", "server")
    other, _ = certificate(place.folder / "tls", "other")
    server = RestServer(place.folder / "tls-server", "--no-auth", "--tls", f"--tls-cert={mine}", f"--tls-key={key}")
    place.clean_up.append(server.stop)
    place.mover.repository = f"rest:https://localhost:{server.port}/path"
    place.mover.environ["CUSTOM_CA"] = str(other)


def known_ca(place: Place) -> None:
    unknown_ca(place)
    place.mover.environ["CUSTOM_CA"] = str(place.folder / "tls" / "server.crt")


def unusable_ca(place: Place) -> None:
    unknown_ca(place)
    junk = place.folder / "junk.crt"
    junk.write_text("no certificate", encoding="utf-8")
    place.mover.environ["CUSTOM_CA"] = str(junk)


def refuses_users(place: Place) -> None:
    users = place.folder / "users"
    users.write_text("somebody:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n", encoding="utf-8")
    server = RestServer(place.folder / "server", f"--htpasswd-file={users}")
    place.clean_up.append(server.stop)
    place.mover.repository = f"rest:http://127.0.0.1:{server.port}/path"


def bucket_missing(place: Place) -> None:
    place.mover.repository = f"s3:http://127.0.0.1:{place.s3.port}/no-such-bucket-{free_port()}/path"


def half_initialized(place: Place) -> None:
    (place.repository / "config").unlink()


def no_key(place: Place) -> None:
    shutil.rmtree(place.repository / "keys")
    (place.repository / "keys").mkdir()


def largest_pack(place: Place) -> Path:
    packs = [p for p in (place.repository / "data").rglob("*") if p.is_file()]
    return max(packs, key=lambda p: p.stat().st_size)


def corrupt_pack(place: Place) -> None:
    pack = largest_pack(place)
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    for position in range(0, len(content), 1000):
        content[position] ^= 0xFF
    pack.write_bytes(content)


def pack_missing(place: Place) -> None:
    largest_pack(place).unlink()


def index_missing(place: Place) -> None:
    for file in (place.repository / "index").iterdir():
        file.unlink()


def small(path: str, size: str) -> Callable[[Place], None]:
    """Put a small file system where the mover has a volume."""

    def do(place: Place) -> None:
        temporary = place.folder / "temporary"
        temporary.mkdir()
        place.mover.environ["TMPDIR"] = str(temporary)
        folders = {"data": place.mover.data, "cache": place.mover.cache, "repository": place.repository}
        target = {**folders, "temporary": temporary}[path]
        script = f'mount -t tmpfs -o size={size} tmpfs "{target}" && exec "$@"'
        place.mover.wrapper = ["unshare", "--mount", "sh", "-c", script, "sh"]

    return do


def unreadable_files(place: Place) -> None:
    secret = place.mover.volume("source") / "secret"
    secret.write_text("s", encoding="utf-8")
    os.chown(secret, 12345, 12345)
    secret.chmod(0)
    lost = "--bounding-set=-dac_override,-dac_read_search"
    place.mover.wrapper = ["setpriv", lost, "--inh-caps=-dac_override,-dac_read_search", "--"]


def no_rights(place: Place) -> None:
    """Give the files to somebody else, and let the mover be root without its rights."""
    os.chown(place.mover.volume("source") / "random", 12345, 12345)
    place.mover.mount("source")
    assert place.mover("backup").code == 0
    place.mover.mount("destination")
    place.mover.wrapper = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]


def locked(host: str, age: timedelta, *, exclusive: bool = True) -> Callable[[Place], None]:
    return lambda place: void(lock(place.repository, PASSWORD, host=host, pid=NOBODY, age=age, exclusive=exclusive))


def void(_: object) -> None:
    return None
