"""Servers that repositories are on, and things that look like servers."""

from __future__ import annotations

import datetime
import socket
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hack.processes import Process, free_port, wait_until
from hack.tool_cache import tool_path


class RestServer(Process):
    """restic's own server for repositories."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        command = [
            str(tool_path("rest-server")),
            f"--path={folder / 'repositories'}",
            f"--listen=127.0.0.1:{self.port}",
        ]
        super().__init__("rest-server", [*command, *(options or ("--no-auth",))], folder)
        wait_until("the REST server", self._answers)

    def _answers(self) -> bool:
        self.says("")
        try:
            urlopen(f"http://127.0.0.1:{self.port}/", timeout=2)
        except HTTPError:
            return True
        except (URLError, OSError):
            return False
        return True


class Silent:
    """Accepts connections and never answers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._socket.getsockname()[1])

    def close(self) -> None:
        """End it."""
        self._socket.close()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1; return its file and its key's."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.crt", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files
