"""What a page of many sources costs: `python -m tests.bench.page [SOURCES...]`."""

from __future__ import annotations

import sys
import time

from hack.sample_month import NOW, many
from volsync_py.page.addresses import address_of
from volsync_py.page.overview import overview_page
from volsync_py.page.seen import Seen, picture_of

# The fastest counts: what is slower waits for somebody else.
_TIMES = 5


def link(one: Seen) -> str:
    """Return an address such as the manager's."""
    return address_of(one.health.kind, one.health.namespace, one.health.name)


def main(words: list[str]) -> None:
    """Print a line for each number of sources."""
    for sources in [int(word) for word in words] or [40, 1_000, 10_000]:
        objects = list(many(sources))
        took, page = [], ""
        for _ in range(_TIMES):
            began = time.process_time()
            page = overview_page(picture_of(objects, NOW, "any namespace", with_namespace=True), link)
            took.append(time.process_time() - began)
        print(f"{sources} sources: {1000 * min(took):.0f} ms of the processor, {len(page.encode()) / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
