"""The read path: front cache, else the database, else (only where allowed) an entry past its trust.

A reading says who served it, who computed it and how old it is, as its entry remembers it.

Invariant: an exact read, and any read without trust in the cache, gets a computation that began after it arrived. No
request computes what a running computation will answer for it, and every wait for one is bounded.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from models.errors import DatabaseUnavailable, StatementFailed
from models.event_counter import EventCounter
from models.user_key import UserKey
from refresher.front_cache.body import Body, body_data
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey
from refresher.front_cache.fill import Fill, FillResult, Turn
from refresher.front_cache.trust import NEVER
from views_sql.declaration.maintained_view import Catalog, Dashboard
from web.reads.background_fills import BackgroundFills, WantedFill
from web.reads.computing import Admission, Computing
from web.reads.exact_read import ExactReads
from web.reads.statistics import READ_EVENTS, ReadStatistics

# Why the front cache did not answer, in the words of RFC 9211.
_FORWARD_REASONS = {
    "absent": "uri-miss",
    "untrusted": "stale",
    "expired": "stale",
    "too_old": "request",
    "failure": "miss",
    "request": "request",
}


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """What a request's ``Cache-Control`` asks for: ``no-cache``, ``max-age``, ``stale-if-error``."""

    exact: bool = False
    max_age_seconds: float | None = None
    stale_if_error_seconds: int | None = None


_ANY_POLICY = ReadPolicy()


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer to a request, and where it came from; times in Unix seconds.

    :param body: the data as the front cache keeps it.
    :param source: who served it: ``cache``, ``materialized_view`` or ``database``.
    :param computed_by: ``materialized_view`` or ``database``.
    :param age_seconds: since its statement was sent; the answer misses nothing committed before that.
    :param parameters: as they were resolved, a JSON object as text.
    :param more: further members of ``meta`` as JSON text, each after a comma.
    :param stored: whether the front cache holds it now.
    :param miss_reason: why the front cache did not answer, as in RFC 9211 ``fwd=``; None on a hit.
    :param stale: its trust is over; it was served because the database is gone and staleness was allowed.
    """

    body: Body
    etag: str
    source: str
    computed_by: str
    calculated_at: float
    expires_at: float
    age_seconds: float
    ttl_seconds: float
    patched_days: int
    watermark: str
    parameters: str
    stored: bool
    miss_reason: str | None
    stale: bool
    database_ms: float | None
    more: str = ""

    @property
    def data(self) -> bytes:
        """What the database wrote."""
        return body_data(self.body)


def cached_reading(entry: Entry, now: float, *, stale: bool = False) -> Reading:
    """Return the reading of a hit at monotonic ``now``."""
    return _reading(entry, now, "cache", True, None, stale, None)


def _reading(
    entry: Entry,
    now: float,
    source: str,
    stored: bool,
    why: str | None,
    stale: bool,
    database_ms: float | None,
) -> Reading:
    began, expires, question = entry.began, entry.expires, entry.question
    return Reading(
        body=entry.body,
        etag=entry.etag,
        source=source,
        computed_by=question.computed_by,
        calculated_at=entry.calculated_at,
        expires_at=entry.expires_at,
        age_seconds=max(0.0, now - began),
        ttl_seconds=max(0.0, expires - now),
        patched_days=question.patched_days,
        watermark=entry.watermark,
        parameters=question.parameters,
        stored=stored,
        miss_reason=why,
        stale=stale,
        database_ms=database_ms,
        more=_more(entry) if question.zone is not None else "",
    )


def _more(entry: Entry) -> str:
    """Return the members of ``meta`` about the user and the measures, of an answer that says what day it is."""
    question = entry.question
    user = {"id": entry.key.user, "name": entry.user_name, "zone": question.zone, "today": str(question.today)}
    return f',"user":{json.dumps(user)},"live":{json.dumps(question.live)}'


@dataclass(frozen=True, slots=True)
class _Request:
    dashboard: Dashboard
    key: EntryKey
    arrived: float
    policy: ReadPolicy
    why_not_cached: str


class ReadPath:
    """Answers dashboards for one process; any number of threads may read.

    ``admission``: counts the requests that wait for the database.

    :param statement_timeout_seconds: of the engine's connections; a request waits as long to begin its own statement.
    :param stale_if_error_seconds: how far past its trust an entry may be when the database is gone.
    :param admission: how many requests may compute, or wait for a computation, at once.
    :param compress_from_bytes: the least size of data that is kept compressed.
    :param database_answers: whether the database has answered anything in the last seconds.
    :param on_answered: called with user and dashboard of every answered read; must be fast and raise nothing.
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
        database_answers: Callable[[], bool] = lambda: False,
        on_answered: Callable[[UserKey, str], None] = lambda _user, _dashboard: None,
    ) -> None:
        self.monotonic, self._cache, self._on_answered = monotonic, cache, on_answered
        self._counter = EventCounter()
        seconds = statement_timeout_seconds
        self.admission = Admission(admission, patience_seconds=seconds, database_answers=database_answers)
        reads = ExactReads(
            engine,
            self._counter,
            seconds=seconds,
            monotonic=monotonic,
            wall=wall,
            database_answers=database_answers,
        )
        self._computing = Computing(reads, cache, compress_from_bytes)
        self._answer_dashboards_of(catalog)
        self._patience_seconds = seconds
        self._wait_seconds = 2 * seconds + 5  # The other request may have waited before its statement began.
        self._stale_if_error_seconds = stale_if_error_seconds

    def of(self, catalog: Catalog) -> "ReadPath":
        """Return the read path of another catalog, which shares everything else with this one: places and counters."""
        other = copy(self)
        other._answer_dashboards_of(catalog)
        return other

    def _answer_dashboards_of(self, catalog: Catalog) -> None:
        self._dashboards = {dashboard.name: dashboard for dashboard in catalog.dashboards}
        self._background = BackgroundFills(
            self._cache, self._computing, self.admission, self._dashboards, self._counter, monotonic=self.monotonic
        )

    def read(
        self,
        dashboard: str,
        user_id: UserKey,
        parameters: Mapping[str, Any],
        policy: ReadPolicy = _ANY_POLICY,
    ) -> Reading:
        """Return the answer of ``dashboard`` for one user.

        :param parameters: by the names in ``Dashboard.arguments``; missing ones are None.
        :raises NotFound: there is no such user, or nothing for the user that the parameters name.
        :raises InvalidParameters: the database refuses them.
        :raises DatabaseUnavailable: the database is gone or too slow, and nothing older was allowed.
        :raises NotMigrated: the database lacks the dashboard's function, because its schema is older.
        :raises DeclarationChanging: it lacks what an installed declaration has.
        :raises StatementFailed: the dashboard's function has a defect, which no older answer hides.
        """
        reading = self._read(dashboard, user_id, parameters, policy)
        self._on_answered(user_id, dashboard)
        return reading

    def _read(self, dashboard: str, user_id: UserKey, parameters: Mapping[str, Any], policy: ReadPolicy) -> Reading:
        arrived = self.monotonic()
        key = self.key(dashboard, user_id, parameters)
        why: str | None = "request"
        if not policy.exact:
            entry, why = self._cache.lookup(key, arrived, policy.max_age_seconds)
            if entry is not None:
                return cached_reading(entry, self.monotonic())
        request = _Request(self._dashboards[dashboard], key, arrived, policy, why or "request")
        try:
            with self.admission.slot():
                return self._share_or_compute(request)
        except DatabaseUnavailable:
            self._counter.add("unavailable")
            stale = self._last_resort(request)
            if stale is None:
                raise
            return stale

    def key(self, dashboard: str, user_id: UserKey, parameters: Mapping[str, Any]) -> EntryKey:
        """Return the key under which the front cache keeps that answer."""
        declared = self._dashboards[dashboard]
        arguments = tuple(map(parameters.get, declared.arguments))
        return EntryKey(declared.region, user_id, dashboard, arguments, declared.declaration)

    def hit(self, key: EntryKey, arrived: float) -> Entry | None:
        """Return the front cache's answer to a plain request that arrived then, or None; computes nothing.

        A miss is not counted: the caller then calls :meth:`read`, which counts it.
        """
        entry = self._cache.hit(key, arrived)
        if entry is not None:
            self._on_answered(key.user, key.dashboard)
        return entry

    def warm(self, wanted: Sequence[WantedFill]) -> list[str]:
        """Compute answers in the background; return the outcome of each: :meth:`BackgroundFills.warm`."""
        return self._background.warm(wanted)

    def statistics(self) -> ReadStatistics:
        """Return how reads were answered."""
        counts = {event: self._counter[event] + self._cache.failures[event] for event in READ_EVENTS}
        return ReadStatistics(running=self._cache.running, **counts)

    def _share_or_compute(self, request: _Request) -> Reading:
        """Return what a running computation answers, or compute the answer."""
        arrived, policy = request.arrived, request.policy
        not_before = NEVER
        while True:
            found = self._cache.join(
                request.key,
                arrived,
                exact=policy.exact,
                max_age_seconds=policy.max_age_seconds,
                not_before=not_before,
            )
            if isinstance(found, Entry):
                return self._stored_meanwhile(found, request)
            turn, fill = found
            if turn in (Turn.OWN, Turn.REPLACE):
                begin_by = arrived + self._patience_seconds
                return self._computed(self._computing.compute(request.dashboard, fill, begin_by), request)
            result = self._wait_for(fill, request)
            if result is None:  # Its owner failed: this request takes its turn.
                continue
            if turn is Turn.SHARE and (result.shareable or fill.began > arrived):
                self._counter.add("shared")
                return self._computed(result, request)
            if not result.shareable:
                not_before = arrived

    def _wait_for(self, fill: Fill, request: _Request) -> FillResult | None:
        """Return what ``fill`` came to; None: it failed, and there is time to compute the answer.

        :raises DatabaseUnavailable: it takes too long, or it failed after too long.
        :raises StatementFailed: it failed by a defect, so another attempt would fail as well.
        """
        if not fill.wait(request.arrived + self._wait_seconds - self.monotonic()):
            raise DatabaseUnavailable("The same answer has been in the making for too long.")
        if (failure := fill.failure) is not None:
            raise StatementFailed(failure.sqlstate, failure.function)
        if fill.result is None and self.monotonic() - request.arrived >= self._patience_seconds:
            raise DatabaseUnavailable("The same answer could not be had for too long.")
        return fill.result

    def _stored_meanwhile(self, entry: Entry, request: _Request) -> Reading:
        """Return the reading of an entry that another request stored between this one's miss and its turn."""
        if entry.began <= request.arrived:
            return cached_reading(entry, self.monotonic())
        self._counter.add("shared")
        return self._computed(FillResult(entry, None, None), request)

    def _computed(self, result: FillResult, request: _Request) -> Reading:
        question = result.entry.question
        self._counter.add(question.computed_by)
        if question.patched_days:
            self._counter.add("patched")
        stored, miss_reason = result.refused is None, _FORWARD_REASONS[request.why_not_cached]
        return _reading(
            result.entry, self.monotonic(), question.computed_by, stored, miss_reason, False, result.database_ms
        )

    def _last_resort(self, request: _Request) -> Reading | None:
        """Return the entry past its trust that ``request`` or the setting allows, or None."""
        policy, seconds = request.policy, request.policy.stale_if_error_seconds
        if seconds is None:  # The setting does not overrule a request that asks for something fresher.
            demanding = policy.exact or policy.max_age_seconds is not None
            seconds = 0 if demanding else self._stale_if_error_seconds
        now = self.monotonic()
        entry = self._cache.last_resort(request.key, now, seconds) if seconds > 0 else None
        if entry is None:
            return None
        self._counter.add("stale")
        return cached_reading(entry, now, stale=True)
