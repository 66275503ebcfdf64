"""What the API serves and keeps: an object as a plain dictionary."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
