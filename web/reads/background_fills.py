"""Answers computed ahead of need, several by one statement; they are fills like those of requests.

Invariant: each fill that is begun is finished or abandoned, whatever happens; nothing begins while real reads need the
places, and no hit or miss is counted. Requests may share such a fill; a request that may not does not wait for it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from models.errors import FrontviewError
from models.event_counter import EventCounter
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import EntryKey
from refresher.front_cache.fill import Fill, FillResult
from views_sql.declaration.maintained_view import Dashboard
from web.reads.computing import Admission, Computing

RENEWAL = "renewal"


class WantedFill(NamedTuple):
    """An answer that the cache should hold, and why; a renewal replaces an entry that answers until then."""

    key: EntryKey
    reason: str


class BackgroundFills:
    """Fills the front cache with answers that no request has asked for.

    :param counter: where outcomes are counted, as ``warm_…``.
    """

    def __init__(
        self,
        cache: FrontCache,
        computing: Computing,
        admission: Admission,
        dashboards: Mapping[str, Dashboard],
        counter: EventCounter,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache, self._computing, self._admission = cache, computing, admission
        self._dashboards, self._counter, self._monotonic = dashboards, counter, monotonic

    def warm(self, wanted: Sequence[WantedFill]) -> list[str]:
        """Compute the wanted answers, each once, by one statement; return the outcome of each.

        ``stored``; ``held``: it is there, or is being computed; ``busy``: real reads need the places, so it was not
        tried; ``refused``: the cache is not trusted, or did not keep it (a change came in between, so it can be tried
        again); ``failed``: there is no such question, nothing was found, or the database is gone.
        """
        began = self._monotonic()
        outcomes = {it.key: self._outcome_without_computing(it, began) for it in wanted}
        keys = [key for key, outcome in outcomes.items() if outcome is None]
        if keys:
            with self._admission.spare_slot() as plenty:
                outcomes |= self._compute(keys, began) if plenty else dict.fromkeys(keys, "busy")
        in_order = [outcomes[it.key] or "failed" for it in wanted]
        for outcome in in_order:
            self._counter.add(f"warm_{outcome}")
        return in_order

    def _outcome_without_computing(self, wanted: WantedFill, began: float) -> str | None:
        """Return the outcome if the answer need not or cannot be computed, or None."""
        key = wanted.key
        dashboard = self._dashboards.get(key.dashboard)
        if dashboard is None or (dashboard.region, dashboard.declaration, len(dashboard.arguments)) != (
            key.region,
            key.declaration,
            len(key.arguments),
        ):
            return "failed"
        if wanted.reason != RENEWAL and self._cache.holds(key):
            return "held"
        return None if self._cache.may_answer(began) else "refused"

    def _compute(self, keys: Sequence[EntryKey], began: float) -> dict[EntryKey, str]:
        fills: dict[EntryKey, Fill] = {}
        results: list[FillResult | FrontviewError] = []
        try:
            for key in keys:
                if (fill := self._cache.begin_ahead(key, since=began)) is not None:
                    fills[key] = fill
            if fills:
                pairs = [(self._dashboards[key.dashboard], fill) for key, fill in fills.items()]
                results = self._computing.compute_together(pairs)
        finally:
            for fill in fills.values():
                self._cache.abandon(fill)  # Does nothing to those that have ended.
        computed = {key: _outcome(result) for key, result in zip(fills, results, strict=True)}
        return dict.fromkeys(keys, "held") | computed


def _outcome(result: FillResult | FrontviewError) -> str:
    if isinstance(result, FrontviewError):
        return "failed"
    return "stored" if result.refused is None else "refused"
