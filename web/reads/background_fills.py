"""Answers computed ahead of need, several by one statement, through the same flights as those of requests.

Invariant: each flight that is entered is landed, whatever happens; nothing begins while real reads need the places,
and no hit or miss is counted. Requests may share such a computation; one that may not does not wait for it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from models.errors import FrontviewError
from models.event_counter import EventCounter
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import EntryKey
from refresher.front_cache.fill import Fill
from refresher.front_cache.flight import Flight, SingleFlight
from views_sql.declaration.maintained_view import Dashboard
from web.reads.admission import Admission
from web.reads.computing import Computing, Landed
from web.reads.guarded_cache import GuardedCache

RENEWAL = "renewal"


class Wish(NamedTuple):
    """An answer to have in the cache, and why; a renewal: in place of one that is there, which answers until then."""

    key: EntryKey
    reason: str


class _Taken(NamedTuple):
    asked: Dashboard
    flight: Flight[Fill, Landed]


class BackgroundFills:
    """Fills the front cache for nobody in particular; parts as the read path has them.

    :param counter: where outcomes are counted, as ``warm_…``.
    """

    def __init__(
        self,
        front: FrontCache,
        cache: GuardedCache,
        computing: Computing,
        flights: SingleFlight[EntryKey, Fill, Landed],
        admission: Admission,
        dashboards: Mapping[str, Dashboard],
        counter: EventCounter,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._front, self._cache = front, cache
        self._computing, self._flights, self._admission = computing, flights, admission
        self._dashboards, self._counter, self._monotonic = dashboards, counter, monotonic

    def warm(self, wishes: Sequence[Wish]) -> list[str]:
        """Compute the wished answers, each once, by one statement; return what became of each.

        ``stored``; ``held``: it is there, or somebody is at it; ``busy``: real reads need the places, so it was not
        tried; ``refused``: the cache is not trusted, or did not take it (a change came in between: try again);
        ``failed``: no such question, nothing found, or no database.
        """
        began = self._monotonic()
        outcomes = {wish.key: self._needless(wish, began) for wish in wishes}
        wanted = [key for key, outcome in outcomes.items() if outcome is None]
        if wanted:
            with self._admission.spare_slot() as plenty:
                outcomes |= self._fly(wanted, began) if plenty else dict.fromkeys(wanted, "busy")
        told = [outcomes[wish.key] or "failed" for wish in wishes]
        for outcome in told:
            self._counter.add(f"warm_{outcome}")
        return told

    def _needless(self, wish: Wish, began: float) -> str | None:
        key = wish.key
        asked = self._dashboards.get(key.dashboard)
        if asked is None or asked.region != key.region or len(asked.arguments) != len(key.arguments):
            return "failed"
        if wish.reason != RENEWAL and self._cache.holds(key):
            return "held"
        return None if self._front.may_answer(began) else "refused"

    def _fly(self, wanted: Sequence[EntryKey], began: float) -> dict[EntryKey, str]:
        taken: dict[EntryKey, _Taken] = {}
        landed: dict[EntryKey, Landed | FrontviewError] = {}
        outcomes = dict.fromkeys(wanted, "held")
        try:
            for key in wanted:
                flight, mine = self._flights.enter(key, partial(self._cache.begin, key, background=True))
                if mine:
                    taken[key] = _Taken(self._dashboards[key.dashboard], flight)
            to_ask = {key: it for key, it in taken.items() if not self._was_quicker(it.flight.subject, began)}
            fills = [(it.asked, it.flight.subject) for it in to_ask.values()]
            if fills:
                landed = dict(zip(to_ask, self._computing.compute_together(fills), strict=True))
        finally:
            for key, it in taken.items():
                outcome = landed.get(key)
                self._flights.land(key, it.flight, outcome if isinstance(outcome, Landed) else None)
        return outcomes | {key: _word(outcome) for key, outcome in landed.items()}

    def _was_quicker(self, fill: Fill, began: float) -> bool:
        """Return whether somebody stored the answer since then; its fill is over then."""
        if self._cache.computed_since(fill.key, began) is None:
            return False
        self._cache.abandon(fill)
        return True


def _word(landed: Landed | FrontviewError) -> str:
    if isinstance(landed, FrontviewError):
        return "failed"
    return "stored" if landed.refused is None else "refused"
