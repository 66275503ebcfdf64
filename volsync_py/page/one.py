"""The page of one resource: its days, what is known of it, its conditions, and the commands to copy."""

from __future__ import annotations

from datetime import datetime
from shlex import quote

from volsync_py.core.objects import Object
from volsync_py.health.facts import conditions_of, facts_of, log_of
from volsync_py.health.state import NOT_WELL, Health
from volsync_py.health.words import count, lasting, plain
from volsync_py.page.days import legend, said, strip
from volsync_py.page.document import document
from volsync_py.page.markup import Html, tag, together, wide
from volsync_py.page.seen import Seen, last_day, seen

# The end of the log that a status keeps.
_LOG_LINES = 12


def one_page(obj: Object, health: Health, now: datetime, *, back: str | None = None) -> str:
    """Return the page of an object in this state; `back` is the address of the page of all."""
    last = last_day([obj], now)
    one = seen(obj, health, now, last)
    kind = "Source" if health.is_source else "Destination"
    way = together(tag("a", "Backups", href=back), " / ", kind) if back else kind
    return document(
        title=f"{one.full_name} – backups",
        head=way,
        verdict=_verdict(one),
        needs_you=health.needs_you,
        main=together(
            _trouble(one),
            tag(
                "section",
                tag("h2", "Thirty days"),
                strip(one.letters, last, big=True),
                tag("p", f"Up to {last:%-d %B}: {said(one.letters, last)}.", class_="soft"),
                legend(),
            ),
            _facts(obj, one, now),
            _conditions(obj, now),
            _commands(one),
            _log(obj),
        ),
        now=now,
    )


def _verdict(one: Seen) -> str:
    says_more = one.health.state in NOT_WELL and one.health.reason.lower() not in ("", one.health.state)
    reason = f", {one.health.reason}" if says_more else ""
    return f"{one.full_name}: {one.health.state}{reason}"


def _trouble(one: Seen) -> Html | None:
    health = one.health
    if health.state not in NOT_WELL or not (health.cause or health.next_step):
        return None
    return tag(
        "section",
        tag("h2", "What isn't well"),
        tag("p", health.cause),
        tag("p", health.next_step, class_="step") if health.next_step else None,
    )


def _facts(obj: Object, one: Seen, now: datetime) -> Html:
    pairs = [together(tag("dt", name), tag("dd", text)) for name, text in facts_of(obj, one.health, now)]
    return tag("section", tag("h2", "What is known"), tag("dl", *pairs))


def _conditions(obj: Object, now: datetime) -> Html | None:
    rows = [
        tag(
            "tr",
            tag("th", said_.type, scope="row"),
            tag("td", said_.status),
            tag("td", said_.reason),
            tag("td", lasting(now - said_.since) if said_.since else "–"),
            tag("td", said_.message, class_="say"),
        )
        for said_ in conditions_of(obj)
    ]
    if not rows:
        return None
    heads = tag("tr", *(tag("th", head, scope="col") for head in ("Condition", "Status", "Reason", "For", "Message")))
    table = tag("table", tag("thead", heads), tag("tbody", *rows))
    return tag("section", tag("h2", count(len(rows), "condition")), wide(table, "Conditions"))


def commands_of(one: Seen) -> list[str]:
    """Return the commands that somebody who looks at a resource may want."""
    name, space = quote(plain(one.health.name)), quote(plain(one.health.namespace))
    told = [f"volsync-py status {name} -n {space}", f"volsync-py logs {name} -n {space}"]
    if one.health.is_source:
        told += [
            f"volsync-py snapshots {name} -n {space}",
            f"volsync-py backup {name} -n {space}",
            f"volsync-py restore {name} --to NEW-CLAIM -n {space}",
            f"volsync-py doctor {name} -n {space}",
        ]
    return told


def _commands(one: Seen) -> Html:
    lines = "\n".join(commands_of(one))
    return tag("section", tag("h2", "Commands"), _preformatted(lines, "Commands"))


def _log(obj: Object) -> Html | None:
    lines = log_of(obj)
    if not lines:
        return None
    return tag(
        "section", tag("h2", "End of the last mover's log"), _preformatted("\n".join(lines[-_LOG_LINES:]), "Log")
    )


def _preformatted(lines: str, name: str) -> Html:
    kept = [together(line, Html("\n")) for line in lines.splitlines()]
    return tag("pre", *kept, tabindex=0, role="region", aria_label=name)
