"""The read path: front cache, else the database, else (only where allowed) an entry past its trust.

Invariant: an exact read, and any read without trust in the cache, gets a computation that began after it
arrived. One computation of a key runs at any moment in this process, and every wait for it is bounded.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Engine

from models.errors import DatabaseUnavailable
from models.event_counter import EventCounter
from models.user_key import UserKey
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey
from refresher.front_cache.fill import Fill
from refresher.front_cache.flight import Flight, SingleFlight
from refresher.front_cache.trust import NEVER
from views_sql.maintained_view import Catalog, Dashboard
from web.reads.admission import Admission
from web.reads.background_fills import BackgroundFills, Wish
from web.reads.computing import Computing, Landed
from web.reads.exact_read import ExactReads
from web.reads.guarded_cache import GuardedCache
from web.reads.reading import Reading, ReadPolicy, cached_reading, computed_reading
from web.reads.statistics import READ_EVENTS, AdmissionStatistics, ReadStatistics

__all__ = ["ReadPath", "ReadPolicy", "Reading"]

# Why the front cache did not answer, in the words of RFC 9211.
_FORWARD_REASONS = {
    "absent": "uri-miss",
    "untrusted": "stale",
    "expired": "stale",
    "too_old": "request",
    "failure": "miss",
    "request": "request",
}
_ANY_POLICY = ReadPolicy()


@dataclass(frozen=True, slots=True)
class _Request:
    asked: Dashboard
    key: EntryKey
    arrived: float
    policy: ReadPolicy
    why_not_cached: str


class ReadPath:
    """Answers dashboards for one process; any number of threads may read.

    :param statement_timeout_seconds: of the engine's connections; bounds the wait for another's computation.
    :param stale_if_error_seconds: how far past its trust an entry may be when the database is gone.
    :param admission: how many may compute, or wait for a computation, at once.
    :param compress_from_bytes: the least size of data that is kept compressed.
    :param on_answered: told user and dashboard of every answered read; costs next to nothing and raises nothing.
    """

    def __init__(
        self,
        engine: Engine,
        cache: FrontCache,
        catalog: Catalog,
        *,
        statement_timeout_seconds: float = 15.0,
        stale_if_error_seconds: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        admission: int = 1_000,
        compress_from_bytes: int = 16_384,
        on_answered: Callable[[UserKey, str], None] = lambda _user, _dashboard: None,
    ) -> None:
        self._counter = EventCounter()
        self._front = cache
        self._cache = GuardedCache(cache, self._counter)
        seconds = statement_timeout_seconds
        reads = ExactReads(engine, self._counter, seconds=seconds, monotonic=monotonic, wall=wall)
        self._computing = Computing(reads, self._cache, cache.ttl_seconds, compress_from_bytes)
        self._admission = Admission(admission)
        self._dashboards = {dashboard.name: dashboard for dashboard in catalog.dashboards}
        self._flights: SingleFlight[EntryKey, Fill, Landed] = SingleFlight()
        self._background = BackgroundFills(
            cache,
            self._cache,
            self._computing,
            self._flights,
            self._admission,
            self._dashboards,
            self._counter,
            monotonic=monotonic,
        )
        self._patience_seconds = seconds
        self._wait_seconds = seconds + 5
        self._stale_if_error_seconds = stale_if_error_seconds
        self.monotonic = monotonic
        self._on_answered = on_answered

    def read(
        self,
        dashboard: str,
        user_id: UserKey,
        parameters: Mapping[str, Any],
        policy: ReadPolicy = _ANY_POLICY,
    ) -> Reading:
        """Return the answer of ``dashboard`` for one user.

        :param parameters: by the names in ``Dashboard.arguments``; missing ones are None.
        :raises NotFound: no such user, or no such thing of theirs.
        :raises InvalidParameters: the database refuses them.
        :raises DatabaseUnavailable: the database is gone or too slow, and nothing older was allowed.
        :raises NotMigrated: the database lacks the dashboard's function.
        """
        reading = self._read(dashboard, user_id, parameters, policy)
        self._on_answered(user_id, dashboard)
        return reading

    def _read(self, dashboard: str, user_id: UserKey, parameters: Mapping[str, Any], policy: ReadPolicy) -> Reading:
        arrived = self.monotonic()
        asked = self._dashboards[dashboard]
        key = self.key(dashboard, user_id, parameters)
        why = "request"
        if not policy.exact:
            entry, why = self._cache.lookup(key, arrived, policy.max_age_seconds)
            if entry is not None:
                return cached_reading(entry, self.monotonic())
        request = _Request(asked, key, arrived, policy, why)
        try:
            with self._admission.slot():
                return self._share_or_compute(request)
        except DatabaseUnavailable:
            self._counter.add("unavailable")
            stale = self._last_resort(request)
            if stale is None:
                raise
            return stale

    def key(self, dashboard: str, user_id: UserKey, parameters: Mapping[str, Any]) -> EntryKey:
        """Return the key under which the front cache keeps that answer."""
        asked = self._dashboards[dashboard]
        return EntryKey(asked.region, user_id, dashboard, tuple(map(parameters.get, asked.arguments)))

    def hit(self, key: EntryKey, arrived: float) -> Entry | None:
        """Return the front cache's answer to a plain request that arrived then, or None; computes nothing.

        A miss is not counted: who gets None asks :meth:`read`.
        """
        entry = self._cache.hit(key, arrived)
        if entry is not None:
            self._on_answered(key.user, key.dashboard)
        return entry

    def warm(self, wishes: Sequence[Wish]) -> list[str]:
        """Compute answers in the background; return what became of each: :meth:`BackgroundFills.warm`."""
        return self._background.warm(wishes)

    def statistics(self) -> ReadStatistics:
        """Return how reads were answered."""
        counts = {event: self._counter[event] for event in READ_EVENTS}
        return ReadStatistics(running=len(self._flights), **counts)

    def admission_statistics(self) -> AdmissionStatistics:
        """Return how many may wait for the database, do, and were turned away."""
        return self._admission.statistics()

    def _share_or_compute(self, request: _Request) -> Reading:
        not_before = self._oldest_to_share(request)
        deadline = request.arrived + self._wait_seconds
        while True:
            flight, mine = self._flights.enter(request.key, partial(self._cache.begin, request.key))
            fill = flight.subject
            may_share = mine or (fill.join() and fill.began > not_before)
            if fill.background and not may_share:  # without warming there would be nothing to wait for
                begin = partial(self._cache.begin, request.key)
                flight, mine = self._flights.enter(request.key, begin, instead_of=flight)
                if not mine:
                    continue
            if mine:
                return self._fly(flight, request)
            if not flight.wait(deadline - self.monotonic()):
                raise DatabaseUnavailable("The same answer has been in the making for too long.")
            landed = flight.outcome
            if landed is None:  # its owner failed: try ourselves, if there is time for it
                if self.monotonic() - request.arrived >= self._patience_seconds:
                    raise DatabaseUnavailable("The same answer could not be had for too long.")
                continue
            if may_share and (landed.shareable or fill.began > request.arrived):
                self._counter.add("shared")
                return self._computed(landed, request)
            if not landed.shareable:
                not_before = request.arrived

    def _oldest_to_share(self, request: _Request) -> float:
        """Return the time after which a computation must have begun to answer ``request``."""
        if request.policy.exact:
            return request.arrived
        if not self._front.may_answer(request.arrived):
            return request.arrived
        max_age_seconds = request.policy.max_age_seconds
        return NEVER if max_age_seconds is None else request.arrived - max_age_seconds

    def _fly(self, flight: Flight[Fill, Landed], request: _Request) -> Reading:
        """Compute as the owner of ``flight``, and land it whatever happens."""
        landed = None
        try:
            reading = self._look_again(request)
            if reading is not None:
                self._cache.abandon(flight.subject)
                return reading
            landed = self._computing.compute(request.asked, flight.subject)
            return self._computed(landed, request)
        finally:
            self._flights.land(request.key, flight, landed)

    def _look_again(self, request: _Request) -> Reading | None:
        """Return what another owner stored since this request looked, if it may answer this request."""
        key, arrived, policy = request.key, request.arrived, request.policy
        entry = self._cache.computed_since(key, arrived)
        if entry is not None:
            self._counter.add("shared")
            return self._computed(Landed(entry, None, None), request)
        if policy.exact:
            return None
        entry, _ = self._cache.lookup(key, arrived, policy.max_age_seconds, again=True)
        return None if entry is None else cached_reading(entry, self.monotonic())

    def _computed(self, landed: Landed, request: _Request) -> Reading:
        self._counter.add(landed.entry.question.computed_by)
        if landed.entry.question.patched_days:
            self._counter.add("patched")
        return computed_reading(
            landed.entry,
            self.monotonic(),
            stored=landed.refused is None,
            miss_reason=_FORWARD_REASONS[request.why_not_cached],
            database_ms=landed.database_ms,
        )

    def _last_resort(self, request: _Request) -> Reading | None:
        """Return the entry past its trust that ``request`` or the setting allows, or None."""
        policy, seconds = request.policy, request.policy.stale_if_error_seconds
        if seconds is None:  # the setting does not overrule a request that asks for something fresher
            demanding = policy.exact or policy.max_age_seconds is not None
            seconds = 0 if demanding else self._stale_if_error_seconds
        now = self.monotonic()
        entry = self._cache.last_resort(request.key, now, seconds) if seconds > 0 else None
        if entry is None:
            return None
        self._counter.add("stale")
        return cached_reading(entry, now, stale=True)
