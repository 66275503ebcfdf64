"""The clock of the storage server, by which the age of a lock is judged where there is one.

A lock holds the time of its holder's node, and restic compares it with that of its own. A node whose clock is ahead
takes locks that are renewed for stale ones. An HTTP server says in each answer what time it is; nothing is sent to it
but the question, no credentials, and any answer will do. Folders, SFTP and rclone have no such clock.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# A lock is renewed each five minutes and counts as stale after thirty. A holder that had trouble renewing it gives up
# after twenty-two and a half; a clock that is no further ahead than this leaves it that long.
MOST_AHEAD = timedelta(minutes=5)
# A storage server that is well answers within this: the answer is one header.
_TIMEOUT_SECONDS = 10.0
_S3_DEFAULT_SCHEME = "https://"
_HOST = re.compile(r"(https?)://(?:[^/@]*@)?([^/?#@\s]+)")


def endpoint(environ: Mapping[str, str]) -> str:
    """Return the URL of the storage server without user, path or query; "" if it is none that speaks HTTP."""
    backend, colon, location = environ.get("RESTIC_REPOSITORY", "").strip().partition(":")
    fixed = {
        "azure": f"https://{environ.get('AZURE_ACCOUNT_NAME', '')}.blob."
        f"{environ.get('AZURE_ENDPOINT_SUFFIX') or 'core.windows.net'}",
        "gs": "https://storage.googleapis.com",
        "b2": "https://api.backblazeb2.com",
        "swift": environ.get("OS_AUTH_URL") or environ.get("ST_AUTH") or "",
    }
    if not colon:
        return ""
    if backend == "s3":
        location = location if "://" in location else _S3_DEFAULT_SCHEME + location.removeprefix("//")
    elif backend != "rest":
        location = fixed.get(backend, "")
    found = _HOST.match(location)
    return f"{found[1]}://{found[2]}/" if found else ""


def time_ahead(environ: Mapping[str, str], now: datetime | None = None) -> timedelta | None:
    """Return how far this node's clock is ahead of the storage server's, or None where nobody says."""
    url = endpoint(environ)
    text = _date_of(url, environ) if url else ""
    try:
        # RFC 9110's form of a date is always in UTC.
        served = parsedate_to_datetime(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return (now or datetime.now(UTC)) - served


def _date_of(url: str, environ: Mapping[str, str]) -> str:
    """Return what the server says, "" if it says nothing in time: an answer may come byte by byte."""
    said: list[str] = []
    asking = threading.Thread(target=lambda: said.append(_ask(url, environ)), daemon=True)
    asking.start()
    asking.join(_TIMEOUT_SECONDS)
    return next(iter(said), "")


def _ask(url: str, environ: Mapping[str, str]) -> str:
    # Imported here: they take a while, and hardly any run needs them.
    import ssl
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    class Unmoved(urllib.request.HTTPRedirectHandler):
        """An answer that sends one elsewhere has a date as well."""

        def redirect_request(self, *arguments: object) -> None:
            return None

    try:
        context = ssl.create_default_context(cafile=environ.get("CUSTOM_CA") or None)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), Unmoved)
        with opener.open(urllib.request.Request(url, method="HEAD"), timeout=_TIMEOUT_SECONDS) as answer:
            return str(answer.headers.get("Date") or "")
    except urllib.error.HTTPError as error:
        # An error response has a Date header, too.
        with error:
            return str(error.headers.get("Date") or "")
    except (OSError, ValueError, HTTPException):
        return ""
