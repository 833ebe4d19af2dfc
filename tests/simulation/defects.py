"""Ways to leave one rule out of the pure part, for the tests of the test; by name, each a few lines.

Invariant: a defect lasts as long as the monkeypatch that was given; nothing outside the tests can reach one.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest

from refresher import cache, feed, trust
from refresher.cache import Fill, FrontCache
from refresher.feed import FeedMemory, Poll, Position, break_in_feed, concerns
from refresher.trust import NEVER, Sighting, Trust
from web import read_path
from web.read_path import ReadPath

Patch = pytest.MonkeyPatch


def fill_stored_unchecked(patch: Patch) -> None:
    """A fill that the feed has overtaken is stored."""
    patch.setattr(FeedMemory, "overtakes", lambda *_: False)


def trust_by_receipt(patch: Patch) -> None:
    """An answer counts from when it came, and its drain as new."""
    observe = Trust.observe
    patch.setattr(Trust, "observe", lambda self, seen: observe(self, replace(seen, sent=seen.received, age=0.0)))


def breaks_ignored(patch: Patch, ignored: Collection[str]) -> None:
    def found(applied: Position | None, poll: Poll) -> str | None:
        why = break_in_feed(applied, poll)
        return None if why in ignored else why

    patch.setattr(cache, "break_in_feed", found)


def gap_ignored(patch: Patch) -> None:
    """Drains that were collected before the worker saw them are taken as nothing changed."""
    breaks_ignored(patch, {"hole"})


def epoch_ignored(patch: Patch) -> None:
    """Neither epoch nor nonce tells one leader's drains from another's."""
    breaks_ignored(patch, {"epoch", "nonce"})


def doubt_ignored(patch: Patch, ignored: str) -> None:
    disagreement = Trust._disagreement

    def found(self: Trust, seen: Sighting) -> str | None:
        why = disagreement(self, seen)
        return None if why == ignored else why

    patch.setattr(Trust, "_disagreement", found)


def negative_age_trusted(patch: Patch) -> None:
    """A drain from the future is the freshest of all."""
    doubt_ignored(patch, "negative_age")


def drift_ignored(patch: Patch) -> None:
    """Nobody compares the database's clock with ours."""
    patch.setattr(trust, "_drifted", lambda *_: False)


def trust_returns_at_once(patch: Patch) -> None:
    """One sighting without disagreement ends a doubt."""
    patch.setattr(trust, "MOVES_TO_TRUST", 0)


def floor_ignored(patch: Patch) -> None:
    """What the memory has forgotten is taken as never having been."""
    patch.setattr(FeedMemory, "remembers_from", property(lambda _: 0, lambda *_: None), raising=False)


def dayless_rows_ignored(patch: Patch) -> None:
    """A change without a day is taken as a change of no day."""

    def dated(source: str, first_day: Any, last_day: Any, answer: feed.Dependence) -> bool:
        dayless = first_day is None and not source.startswith("cache:")
        return not dayless and concerns(source, first_day, last_day, answer)

    patch.setattr(cache, "concerns", dated)


def older_entries_stay(patch: Patch) -> None:
    """A read ahead of the feed leaves the user's older entries and fills alone."""
    patch.setattr(FrontCache, "_drop_older", lambda *_: None)


def fills_stay_joinable(patch: Patch) -> None:
    """A change of the user does not end the sharing of running fills."""
    invalidate = FrontCache._invalidate

    def invalidate_entries(self: FrontCache, by_user: Any) -> None:
        fills = [(fill, fill.joinable) for fills in self._running.values() for fill in fills]
        invalidate(self, by_user)
        for fill, joinable in fills:
            fill.joinable = joinable

    patch.setattr(FrontCache, "_invalidate", invalidate_entries)


def flushes_spare_fills(patch: Patch) -> None:
    """A fill that ran through a flush, or beside a newer read, is stored."""
    patch.setattr(Fill, "drop", lambda _: None)


def manual_rows_ignored(patch: Patch) -> None:
    """Manual invalidations take nothing away."""
    patch.setattr(cache, "concerns", lambda source, *rest: not source.startswith("cache:") and concerns(source, *rest))


def exact_reads_share_what_runs(patch: Patch) -> None:
    """A request that must be exact takes a computation that began before it arrived."""
    patch.setattr(ReadPath, "_oldest_to_share", lambda *_: NEVER)


def overtaken_fills_are_shared(patch: Patch) -> None:
    """Neither a change of the user nor the refusal of the fill ends its sharing: either alone would."""
    fills_stay_joinable(patch)
    patch.setattr(read_path, "HARMLESS_REFUSALS", {"dropped", "epoch", "forgotten", "overtaken", "no_feed"})


def lost_drains_unnoticed(patch: Patch) -> None:
    """Drain numbers are taken as never going back between two polls."""
    patch.setattr(FrontCache, "_went_back", lambda *_: False)


# Each with the disasters that bring it to light; the others are left out, to find it in few schedules.
DEFECTS: dict[Callable[[Patch], None], tuple[str, ...]] = {
    fill_stored_unchecked: (),
    trust_by_receipt: ("leader_is_gone",),
    gap_ignored: ("forget_feed",),
    epoch_ignored: ("restore_from_backup", "leader_changes"),
    negative_age_trusted: ("clock_step", "leader_is_gone"),
    drift_ignored: ("clock_step", "leader_is_gone"),
    trust_returns_at_once: ("clock_step", "leader_is_gone"),
    floor_ignored: (),
    dayless_rows_ignored: (),
    manual_rows_ignored: ("manual_invalidation",),
    older_entries_stay: (),
    flushes_spare_fills: ("poll_lost",),
    exact_reads_share_what_runs: (),
    overtaken_fills_are_shared: (),
    lost_drains_unnoticed: ("crash",),
}
