"""The certificate of the metrics endpoint: files that somebody renews, or one of our own making.

Guarantees that a renewed file is used for the next connection without a restart, and that a half-written pair leaves
the old one in use. A certificate of our own is made by the `openssl` program, because Python's standard library can
use certificates and not make them; see docs/decisions.
"""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType

from volsync_py.manager.tls import Tls

# Longer than any pod runs; a new one is made at each start.
_DAYS = "3650"
# It takes milliseconds; a machine that needs longer than this has no entropy or no CPU to give.
_OPENSSL_SECONDS = 30


class CertificateError(RuntimeError):
    """There is no certificate to serve with; the message says what to do."""


class CertificateFiles:
    """A pair of files, read again when they change."""

    def __init__(self, certificate: Path, key: Path, tls: Tls | None = None) -> None:
        self.files = (certificate, key)
        self._tls = tls or Tls()
        self._lock = threading.Lock()
        try:
            self._stamp = self._now_on_disk()
            self._context = self._load()
        except (OSError, ssl.SSLError) as error:
            raise CertificateError(f"no usable certificate in {certificate} and {key}: {error}") from error

    def context(self) -> ssl.SSLContext:
        """Return the context for one more connection."""
        with self._lock, contextlib.suppress(OSError, ssl.SSLError):
            # Mostly a renewal under way: keep serving the old pair, and let the next connection try again.
            stamp = self._now_on_disk()
            if stamp != self._stamp:
                self._context = self._load()
                self._stamp = stamp
        return self._context

    def listening_context(self) -> ssl.SSLContext:
        """Return a context that gives each connection the newest pair."""

        def choose(connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self.context()

        listening = self._tls.server_context()
        # Called in each handshake, even if the client sends no server name.
        listening.sni_callback = choose
        return listening

    def _now_on_disk(self) -> tuple[int, int, int, int]:
        one, two = self.files[0].stat(), self.files[1].stat()
        return one.st_mtime_ns, one.st_ino, two.st_mtime_ns, two.st_ino

    def _load(self) -> ssl.SSLContext:
        context = self._tls.server_context()
        context.load_cert_chain(*self.files)
        return context


class SelfSigned:
    """A folder with a fresh self-signed certificate; gone at the end of the `with` block."""

    def __init__(self, tls: Tls | None = None) -> None:
        self._tls = tls
        self._folder = tempfile.TemporaryDirectory(prefix="volsync-py-tls-")

    def __enter__(self) -> CertificateFiles:
        openssl = shutil.which("openssl")
        if openssl is None:
            raise CertificateError(
                "no openssl program to make a certificate with: pass --metrics-cert-path=DIR, or --metrics-secure=false"
            )
        certificate, key = (Path(self._folder.name, name) for name in ("tls.crt", "tls.key"))
        command = [openssl, "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-subj", "/CN=volsync-py-metrics", "-days", _DAYS, "-keyout", str(key), "-out", str(certificate)]
        try:
            made = subprocess.run(command, capture_output=True, text=True, timeout=_OPENSSL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CertificateError(f"openssl made no certificate: {error}") from error
        if made.returncode != 0:
            raise CertificateError(f"openssl made no certificate: {made.stderr.strip()[-500:]}")
        return CertificateFiles(certificate, key, self._tls)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()
