"""Ways to leave one rule out of the pure part, for the tests of the test; by name, each a few lines.

Invariant: a defect lasts as long as the monkeypatch that was given; nothing outside the tests can reach one.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from refresher.front_cache import applied_feed, trust, upkeep
from refresher.front_cache.applied_feed import FeedMemory
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Dependence, Entry, EntryKey
from refresher.front_cache.feed import Poll, Position, break_in_feed, concerns
from refresher.front_cache.fill import Fill, Turn, turn_of
from refresher.front_cache.trust import NEVER, Sighting, Trust
from tests.simulation.questions import TTL_SECONDS

Patch = pytest.MonkeyPatch


def fill_stored_unchecked(patch: Patch) -> None:
    """A fill that the feed has overtaken is stored."""
    patch.setattr(FeedMemory, "overtakes", lambda *_: False)


def trust_by_receipt(patch: Patch) -> None:
    """An answer counts from when it came, and its drain as new."""
    observe = Trust.observe

    def as_received(self: Trust, seen: Sighting) -> None:
        observe(self, replace(seen, sent=seen.received, age=0.0, drained_at=seen.database_time))

    patch.setattr(Trust, "observe", as_received)


def breaks_ignored(patch: Patch, ignored: Collection[str]) -> None:
    def found(applied: Position | None, poll: Poll) -> str | None:
        why = break_in_feed(applied, poll)
        return None if why in ignored else why

    patch.setattr(applied_feed, "break_in_feed", found)


def gap_ignored(patch: Patch) -> None:
    """Drains that were collected before the worker saw them are taken as nothing changed."""
    breaks_ignored(patch, {"hole"})


def epoch_ignored(patch: Patch) -> None:
    """Neither epoch nor nonce tells one leader's drains from another's."""
    breaks_ignored(patch, {"epoch", "nonce"})


def clock_of_the_poll_alone(patch: Patch) -> None:
    """A drain's age is taken from the clocks at the poll, as if they could not have moved since its stamp."""
    observe = Trust.observe

    def at_the_poll(self: Trust, seen: Sighting) -> None:
        self._ahead, self._last = NEVER, self._last and replace(self._last, sent=float("inf"))
        observe(self, seen)

    patch.setattr(Trust, "observe", at_the_poll)


def doubt_ignored(patch: Patch, ignored: str) -> None:
    disagreement = Trust._disagreement

    def found(self: Trust, seen: Sighting) -> str | None:
        why = disagreement(self, seen)
        return None if why == ignored else why

    patch.setattr(Trust, "_disagreement", found)


def negative_age_trusted(patch: Patch) -> None:
    """A drain from the future is the freshest of all."""
    clock_of_the_poll_alone(patch)
    doubt_ignored(patch, "negative_age")


def drift_ignored(patch: Patch) -> None:
    """Nobody compares the database's clock with ours."""
    clock_of_the_poll_alone(patch)
    patch.setattr(trust, "_drifted", lambda *_: False)


def trust_returns_at_once(patch: Patch) -> None:
    """One sighting without disagreement ends a doubt."""
    clock_of_the_poll_alone(patch)
    patch.setattr(trust, "MOVES_TO_TRUST", 0)


def floor_ignored(patch: Patch) -> None:
    """What the memory has forgotten is taken as never having been."""
    patch.setattr(FeedMemory, "remembers_from", property(lambda _: 0, lambda *_: None), raising=False)


def dayless_rows_ignored(patch: Patch) -> None:
    """A change without a day is taken as a change of no day."""

    def dated(source: str, first_day: Any, last_day: Any, answer: Dependence) -> bool:
        dayless = first_day is None and not source.startswith("cache:")
        return not dayless and concerns(source, first_day, last_day, answer)

    patch.setattr(upkeep, "concerns", dated)


def older_entries_stay(patch: Patch) -> None:
    """A read ahead of the feed leaves the user's older entries and fills alone."""
    patch.setattr(FrontCache, "_drop_older", lambda *_: None)


def flushes_spare_fills(patch: Patch) -> None:
    """A fill that ran through a flush, or beside a newer read, is stored."""
    patch.setattr(Fill, "drop", lambda _: None)


def manual_rows_ignored(patch: Patch) -> None:
    """Manual invalidations take nothing away."""

    def by_change(source: str, *rest: Any) -> bool:
        return not source.startswith("cache:") and concerns(source, *rest)

    patch.setattr(upkeep, "concerns", by_change)


def exact_reads_share_what_runs(patch: Patch) -> None:
    """A request that must be exact takes a computation that began before it arrived."""
    patch.setattr(FrontCache, "_oldest_to_share", lambda *_: NEVER)


def watermarks_outlive_a_crash(patch: Patch) -> None:
    """A read of what is undrained leaves entries alone whose watermark is later, as if no drain were ever lost."""
    finish, drop_older = FrontCache.finish, FrontCache._drop_older
    seen: list[tuple[float, float]] = []

    def remember(self: FrontCache, fill: Fill, entry: Any, **facts: Any) -> str | None:
        seen[:] = [(facts["epoch"], facts["drain_id"])]
        return finish(self, fill, entry, **facts)

    patch.setattr(FrontCache, "finish", remember)
    patch.setattr(FrontCache, "_drop_older", lambda self, user, _: drop_older(self, user, seen[0]))


def finished_fills_stay_joinable(patch: Patch) -> None:
    """A fill that nothing watches any more is shared by later requests."""
    finish, take_turn = FrontCache.finish, FrontCache._take_turn
    finished: WeakKeyDictionary[FrontCache, dict[EntryKey, Fill]] = WeakKeyDictionary()

    def finish_only(self: FrontCache, fill: Fill, *rest: Any, **facts: Any) -> str | None:
        why = finish(self, fill, *rest, **facts)
        finished.setdefault(self, {})[fill.key] = fill
        return why

    def share_finished(self: FrontCache, key: EntryKey, oldest: float) -> tuple[Turn, Fill]:
        old = finished.get(self, {}).get(key)
        if old is not None and old.result is not None and turn_of(old.state, oldest) is Turn.SHARE:
            return Turn.SHARE, old
        return take_turn(self, key, oldest)

    patch.setattr(FrontCache, "finish", finish_only)
    patch.setattr(FrontCache, "_take_turn", share_finished)


def background_fills_stored_unchecked(patch: Patch) -> None:
    """A renewal is stored whatever the feed said while it was computed."""
    refusal = FrontCache._refusal

    def unchecked(self: FrontCache, fill: Fill, entry: Entry) -> str | None:
        return None if fill.background else refusal(self, fill, entry)

    patch.setattr(FrontCache, "_refusal", unchecked)


def hits_extend_life(patch: Patch) -> None:
    """An entry lives as long as it is read."""
    lookup = FrontCache.lookup

    def lengthen(self: FrontCache, key: EntryKey, arrived: float, *rest: Any) -> Any:
        entry, why = lookup(self, key, arrived, *rest)
        if entry is not None:
            lasting = Entry(
                entry.key,
                entry.body,
                entry.question,
                bytes.fromhex(entry.etag.strip('"')),
                entry.drain_id,
                began=entry.began,
                expires=arrived + TTL_SECONDS,
                calculated_at=entry.calculated_at,
            )
            entry.stamp = lasting.stamp
        return entry, why

    patch.setattr(FrontCache, "lookup", lengthen)


OFTEN = 8
WARMING = {"warm": OFTEN, "warming_goes_on": OFTEN}
AT_ONCE = {"poll_sent": 0, "poll_reaches_the_database": 0, "poll_answered": 0}
CLOCK_STEPS_WITHOUT_LEADER = {"clock_step": OFTEN, "leader_is_gone": OFTEN}
# The weights of the schedules that look for it; disasters that are not named do not happen.
DEFECTS: dict[Callable[[Patch], None], dict[str, int]] = {
    fill_stored_unchecked: {},
    trust_by_receipt: {"leader_is_gone": OFTEN},
    gap_ignored: {"forget_feed": OFTEN},
    # without an end in which all is well: there it shows as a cache that no longer answers, and shall as a wrong answer
    epoch_ignored: {"restore_from_backup": OFTEN, "leader_changes": OFTEN, "all_is_well": 0},
    clock_of_the_poll_alone: CLOCK_STEPS_WITHOUT_LEADER | {"poll_sent": 2 * OFTEN},
    # enough by itself where polls are answered at once, so there, and with the rule above left out, too
    negative_age_trusted: CLOCK_STEPS_WITHOUT_LEADER | AT_ONCE,
    drift_ignored: CLOCK_STEPS_WITHOUT_LEADER | AT_ONCE,
    trust_returns_at_once: CLOCK_STEPS_WITHOUT_LEADER | AT_ONCE,
    floor_ignored: {},
    dayless_rows_ignored: {},
    manual_rows_ignored: {"manual_invalidation": OFTEN},
    older_entries_stay: {"write_and_read_back": OFTEN},
    flushes_spare_fills: {"write_is_read_back_amid_a_request": OFTEN},
    watermarks_outlive_a_crash: {
        "crash": OFTEN,
        "write_and_read_back": OFTEN,
        "poll_whole": 0,
        "change_comes_through": 3,
    },
    finished_fills_stay_joinable: {"write_is_read_back_amid_a_request": OFTEN, "request_likewise": OFTEN},
    exact_reads_share_what_runs: {"request_likewise": OFTEN},
    background_fills_stored_unchecked: WARMING,
    hits_extend_life: {"all_is_well": OFTEN, "moment_passes": OFTEN},
}
