"""A server that answers every request alike, as each kind of storage does when it refuses or fails."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from attrs import frozen
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.certificates import certificate
from tests.integration.mover.harness import Mover

_HOSTS = ("account.blob.core.windows.net", "storage.googleapis.com", "oauth2.googleapis.com", "api.backblazeb2.com")


@frozen
class Answer:
    """What is answered to a request."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Scripted:
    """Speaks HTTP on a port of its own; as a proxy it is, behind TLS, every host that is asked for."""

    def __init__(self, answer: Callable[[str, str], Answer], folder: Path) -> None:
        self.certificate, key = certificate(folder, "scripted", *_HOSTS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

            def do_CONNECT(self) -> None:
                self.send_response_only(200)
                self.end_headers()
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.close_connection = False

            def do(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                given = answer(self.command, self.path)
                self.send_response_only(given.status)
                for name, value in (*given.headers, ("Content-Length", str(len(given.body)))):
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(given.body)

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    # restic has been told to stop, or wants no TLS of ours.
                    self.close_connection = True
                self.connection.close()

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self.do
                raise AttributeError(name)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def s3_error(status: int, code: str, message: str) -> Answer:
    """Answer as S3 and its kin do."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, body.encode(), (("Content-Type", "application/xml"),))


def azure_error(status: int, code: str) -> Answer:
    """Answer as Azure's blob storage does."""
    return Answer(status, b"", (("x-ms-error-code", code),))


def json_error(status: int, document: dict[str, Any]) -> Answer:
    """Answer in JSON."""
    return Answer(status, json.dumps(document).encode(), (("Content-Type", "application/json"),))


def google_error(status: int, reason: str, message: str) -> Answer:
    """Answer as Google Cloud Storage does."""
    errors = [{"domain": "global", "reason": reason, "message": message}]
    return json_error(status, {"error": {"code": status, "message": message, "errors": errors}})


def b2_error(status: int, code: str, message: str) -> Answer:
    """Answer as B2 does."""
    return json_error(status, {"status": status, "code": code, "message": message})


def use_s3(mover: Mover, server: Scripted) -> None:
    mover.repository = f"s3:http://127.0.0.1:{server.port}/bucket/path"
    mover.environ |= {"AWS_ACCESS_KEY_ID": "canary-access", "AWS_SECRET_ACCESS_KEY": "canary-secret"}


def use_s3_of_a_region(mover: Mover, server: Scripted) -> None:
    """Name the region, so that the first request is a HEAD, whose answer has no body."""
    use_s3(mover, server)
    mover.environ["AWS_DEFAULT_REGION"] = "eu-west-1"


def use_rest(mover: Mover, server: Scripted) -> None:
    mover.repository = f"rest:http://127.0.0.1:{server.port}/path"


def use_swift(mover: Mover, server: Scripted) -> None:
    mover.repository = "swift:container:/path"
    mover.environ |= {"ST_AUTH": f"http://127.0.0.1:{server.port}/auth/v1.0", "ST_USER": "user", "ST_KEY": "canary-key"}


def _through_the_proxy(mover: Mover, server: Scripted) -> None:
    mover.environ |= {"HTTPS_PROXY": f"http://127.0.0.1:{server.port}", "CUSTOM_CA": str(server.certificate)}


def use_azure(mover: Mover, server: Scripted) -> None:
    mover.repository = "azure:container:/path"
    key = base64.b64encode(b"canary" * 10).decode()
    mover.environ |= {"AZURE_ACCOUNT_NAME": "account", "AZURE_ACCOUNT_KEY": key}
    _through_the_proxy(mover, server)


def use_google(mover: Mover, server: Scripted) -> None:
    mover.repository = "gs:bucket:/path"
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {"type": "service_account", "client_email": "a@b.c", "private_key_id": "1", "private_key": key.decode()}
    file = mover.folder / "google.json"
    file.write_text(json.dumps(account | {"token_uri": "https://oauth2.googleapis.com/token"}), encoding="utf-8")
    mover.environ |= {"GOOGLE_APPLICATION_CREDENTIALS": str(file), "GOOGLE_PROJECT_ID": "project"}
    _through_the_proxy(mover, server)


def use_b2(mover: Mover, server: Scripted) -> None:
    mover.repository = "b2:bucket:/path"
    mover.environ |= {"B2_ACCOUNT_ID": "account", "B2_ACCOUNT_KEY": "canary-key"}
    _through_the_proxy(mover, server)


def with_token(error: Answer) -> Callable[[str, str], Answer]:
    """Give Google's library its token, and answer everything else with the error."""
    token = json_error(200, {"access_token": "token", "token_type": "Bearer", "expires_in": 3600})
    return lambda command, path: token if path == "/token" else error
