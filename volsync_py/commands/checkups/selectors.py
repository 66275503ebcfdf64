"""Whether a selector of labels takes an object, as the API server sees it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsync_py.commands.checkups.facts import objects_in, texts_in
from volsync_py.core.objects import Object, mapping


def takes(selector: Object, labels: Mapping[str, Any]) -> bool:
    """Return whether a selector takes what has these labels; an empty one takes all."""
    fits = mapping(selector, "matchLabels").items() <= labels.items()
    return fits and all(_meets(one, labels) for one in objects_in(selector, "matchExpressions"))


def _meets(expression: Object, labels: Mapping[str, Any]) -> bool:
    key, values = str(expression.get("key")), texts_in(expression, "values")
    value = labels.get(key)
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
