"""The HTTP servers that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from volsync_py.kube.reviews import Reviewer
from volsync_py.manager.certificates import CertificateError, CertificateFiles, SelfSigned
from volsync_py.manager.flags import NOWHERE
from volsync_py.manager.http_server import HttpServer, Route, health_routes, metrics_routes
from volsync_py.manager.page_routes import PageRoutes
from volsync_py.manager.settings import Endpoint, Settings
from volsync_py.telemetry.metrics import CONTENT_TYPE, Metrics


class StartError(Exception):
    """The manager cannot start; the message is for the person who started it."""


def make_servers(
    settings: Settings,
    metrics: Metrics,
    reviewer: Callable[[str], Reviewer],
    not_ready: Callable[[], str],
    pages: PageRoutes,
) -> list[HttpServer]:
    """Return the servers, each with its port bound; StartError says what keeps one from that.

    `reviewer` returns who judges those who ask for a path.
    """
    servers = []
    if settings.health_address != NOWHERE:
        servers.append(_server(settings.health_address, health_routes(not_ready)))
    endpoint = settings.metrics
    if endpoint.address != NOWHERE:
        authorize = reviewer("/metrics").authorize if endpoint.require_rbac else None
        routes = metrics_routes(metrics.expose, CONTENT_TYPE, authorize)
        servers.append(_server(endpoint.address, routes, _certificate(endpoint)))
    page = settings.page
    if page.address != NOWHERE:
        authorize = reviewer("/page").authorize if page.require_rbac else None
        servers.append(_server(page.address, pages.routes(authorize), _certificate(page)))
    return servers


def _server(address: str, routes: Mapping[str, Route], certificate: CertificateFiles | None = None) -> HttpServer:
    try:
        return HttpServer(address, routes, certificate)
    except OSError as error:
        raise StartError(f"nothing can be served at {address}: {error}") from error


def _certificate(endpoint: Endpoint) -> CertificateFiles | None:
    if not endpoint.secure:
        return None
    try:
        if endpoint.cert_path:
            folder = Path(endpoint.cert_path)
            return CertificateFiles(folder / endpoint.cert_name, folder / endpoint.cert_key, endpoint.tls)
        with SelfSigned(endpoint.tls) as certificate:
            # The certificate is loaded into memory, so its files can be deleted at once.
            return certificate
    except CertificateError as error:
        raise StartError(str(error)) from error
