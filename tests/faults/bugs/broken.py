"""``python -m tests.faults.bugs.broken BUG refresher`` or ``… BUG serve …``: a real entry point with one step left out.

Invariant: only the process that was started in this way and the workers that it forks are changed; the product has no
code for it. Bugs that live in the database's functions need no patch here; see tests/faults/bugs/seeded_bugs.py.
"""

import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from refresher import __main__ as refresher_entry
from refresher.front_cache import applied_feed
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.follower import FeedFollower
from refresher.front_cache.trust import Sighting, Trust
from refresher.leader.housekeeping import Housekeeping
from web.cli import main as frontview


def fill_without_watermark_check() -> None:
    """Keep every answer, whatever the feed has said since its statement began."""

    def store(cache: Any, fill: Any, entry: Any) -> None:
        return None

    FrontCache._refusal = store  # type: ignore[method-assign]


def notifications_trusted_as_content() -> None:
    """Take silence as a sign that nothing has changed: extend trust by it, and poll only when notified."""

    def wait(follower: Any, connection: Any) -> None:
        cache = follower._cache
        while follower._goes_on():
            if list(connection.notifies(timeout=0.1, stop_after=1)):
                return
            with cache._lock:
                cache._feed.usable_until = cache.monotonic() + cache._feed._trust.trust_seconds

    FeedFollower._wait_for_notification = wait  # type: ignore[method-assign]


def feed_gap_ignored() -> None:
    """Go on after a hole in the drains' numbers as if nothing had been in it."""
    honest = applied_feed.break_in_feed

    def forgiving(applied: Any, poll: Any) -> str | None:
        why = honest(applied, poll)
        return None if why == "hole" and poll.since == applied.drain_id else why

    applied_feed.break_in_feed = forgiving


def trust_by_receipt() -> None:
    """Let trust begin when the poll's answer arrives, as if the answer were about that moment."""
    honest = Trust.observe

    def observe(trust: Trust, seen: Sighting) -> None:
        honest(trust, seen)
        if trust.doubt is None:
            fresh = replace(seen, sent=seen.received, age=0.0)
            trust.until = max(trust.until, fresh.sent + trust.trust_seconds)

    Trust.observe = observe  # type: ignore[method-assign]


def keys_collected_early() -> None:
    """Collect all the time, not only when a refresh has committed; what counts as covered is the database's part."""
    honest = Housekeeping.run_what_is_due

    def eager(housekeeping: Any) -> None:
        housekeeping._collect_wanted.set()
        honest(housekeeping)

    Housekeeping.run_what_is_due = eager  # type: ignore[method-assign]


PATCHES: dict[str, Callable[[], None]] = {
    patch.__name__: patch
    for patch in (
        fill_without_watermark_check,
        notifications_trusted_as_content,
        feed_gap_ignored,
        trust_by_receipt,
        keys_collected_early,
    )
}


def main(arguments: list[str]) -> int:
    """Leave the step out, then run the entry point as usual."""
    bug, entry, *rest = arguments
    if bug in PATCHES:
        PATCHES[bug]()
    if entry == "refresher":
        return refresher_entry.main()
    multiprocessing.set_start_method("fork")  # so that the patch reaches the workers
    frontview([entry, *rest])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
