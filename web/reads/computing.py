"""Computing answers: how many requests may do it at once, and how the database's answer becomes an entry.

While the database answers nobody, no more requests may wait for it; while it is slow, as many may wait for a place as
hold one, each as long as a statement may take.

Invariant: at most ``capacity`` of the requests that miss are inside, and as many others wait while nobody leaves.
``frontview serve`` has more threads than that, so hits, health checks and refusals are answered even while every
connection hangs. The cache's lock is not held while the database is asked or a body is compressed.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from typing import Any

from models.errors import DatabaseUnavailable, FrontviewError, NotFound, StatementFailed
from refresher.front_cache.body import compressed
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey, Question
from refresher.front_cache.fill import Fill, FillResult
from views_sql.declaration.maintained_view import Dashboard
from web.reads.exact_read import Answer, ExactReads, ReadQuestion
from web.reads.statistics import AdmissionStatistics

STALLED_SECONDS = 1.0  # After so long without anybody entering or leaving, waiting is a matter of patience.
WAIT_SECONDS = 1.0  # How long any number of requests wait for a place, which some get within that time.
MOST_QUESTIONS = 2_048


class Admission:
    """Counts the requests that compute, or wait for another request's computation.

    :param capacity: how many may be inside at once, and how many may wait for longer than a second.
    :param patience_seconds: how long these wait in total, while the database answers.
    :param database_answers: whether the database has answered anything in the last seconds.
    :param changed: notified when a place becomes free.
    """

    def __init__(
        self,
        capacity: int,
        monotonic: Callable[[], float] = time.monotonic,
        changed: threading.Condition | None = None,
        *,
        patience_seconds: float = 0.0,
        database_answers: Callable[[], bool] = lambda: False,
    ) -> None:
        self._capacity = self._free = capacity
        self._waiting = self._patient = self._refused = 0
        self._monotonic, self._patience_seconds = monotonic, patience_seconds
        self._database_answers = database_answers
        self._changed = changed or threading.Condition()
        self._moved_at = monotonic()  # When somebody last entered or left.

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a place inside.

        :raises DatabaseUnavailable: there is none in time; at once if the database answers nobody or too many wait.
        """
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def spare_slot(self) -> Iterator[bool]:
        """Hold a place inside if more than half are free and nobody waits; yield whether one is held."""
        with self._changed:
            plenty = 2 * self._free > self._capacity and not self._waiting
            if plenty:
                self._take()
        try:
            yield plenty
        finally:
            if plenty:
                self._leave()

    @property
    def waiting(self) -> int:
        """How many requests wait for a place."""
        return self._waiting

    def statistics(self) -> AdmissionStatistics:
        """Return how many may be inside, are inside, and were refused."""
        with self._changed:
            return AdmissionStatistics(self._capacity, self._capacity - self._free, self._refused)

    def _enter(self) -> None:
        with self._changed:
            if self._free == 0:
                self._wait()
            if self._free == 0:
                self._refused += 1
                raise DatabaseUnavailable("Too many requests wait for the database already.")
            self._take()

    def _wait(self) -> None:
        """Wait for a place: shortly while places are given back, and patiently while the database is only slow."""
        arrived = self._monotonic()
        self._waiting += 1
        try:
            if arrived - self._moved_at < STALLED_SECONDS:
                self._changed.wait_for(lambda: self._free > 0, WAIT_SECONDS)
            if self._free == 0 and self._patient < self._capacity:
                self._wait_patiently(arrived + self._patience_seconds)
        finally:
            self._waiting -= 1

    def _wait_patiently(self, until: float) -> None:
        self._patient += 1
        try:
            while self._free == 0 and (left := until - self._monotonic()) > 0 and self._database_answers():
                self._changed.wait(min(left, WAIT_SECONDS))
        finally:
            self._patient -= 1

    def _take(self) -> None:
        self._free -= 1
        self._moved_at = self._monotonic()

    def _leave(self) -> None:
        with self._changed:
            self._free += 1
            self._moved_at = self._monotonic()
            self._changed.notify()


class Computing:
    """Computes answers: asks the database and offers the cache what it said.

    :param compress_from_bytes: the least size of data that is kept compressed.
    """

    def __init__(self, reads: ExactReads, cache: FrontCache, compress_from_bytes: int) -> None:
        self._reads, self._cache, self._compress_from_bytes = reads, cache, compress_from_bytes

    def compute(self, dashboard: Dashboard, fill: Fill, begin_by: float) -> FillResult:
        """Return the result of ``fill``, which then also the cache and the waiting requests have.

        :param begin_by: until when to wait for a connection.
        :raises NotFound: there is no such user, or nothing for the user that the arguments name.
        :raises FrontviewError: as :meth:`ExactReads.ask` does.
        """
        try:
            answer = self._reads.ask(dashboard, fill.key.user, fill.key.arguments, begin_by=begin_by)
            return self._finish(dashboard, fill, answer)
        except StatementFailed as error:
            fill.failure = error
            raise
        finally:
            self._cache.abandon(fill)  # Does nothing where it was finished.

    def compute_together(self, fills: Sequence[tuple[Dashboard, Fill]]) -> list[FillResult | FrontviewError]:
        """Return the result of each of ``fills``, or why it failed; one statement answers all of them.

        The caller abandons those that have not ended then.
        """
        questions = [ReadQuestion(dashboard, fill.key.user, fill.key.arguments) for dashboard, fill in fills]
        answers = self._reads.ask_together(questions)
        return [self._result_or_error(*fill, answer) for fill, answer in zip(fills, answers, strict=True)]

    def _result_or_error(
        self, dashboard: Dashboard, fill: Fill, answer: Answer | FrontviewError
    ) -> FillResult | FrontviewError:
        if isinstance(answer, FrontviewError):
            return answer
        try:
            return self._finish(dashboard, fill, answer)
        except FrontviewError as error:
            return error

    def _finish(self, dashboard: Dashboard, fill: Fill, answer: Answer) -> FillResult:
        ttl_seconds = self._cache.ttl_seconds(dashboard.region, dashboard.ttl_seconds)
        entry = make_entry(dashboard, fill.key, answer, ttl_seconds, self._compress_from_bytes)
        self._cache.finish(
            fill,
            entry,
            epoch=answer.epoch,
            drain_id=answer.drain_id,
            undrained=answer.undrained,
            database_ms=answer.database_ms,
        )
        if fill.result is None:
            raise NotFound(f"There is no user {fill.key.user}: the application's table of users has no such key.")
        return fill.result


def make_entry(
    dashboard: Dashboard, key: EntryKey, answer: Answer, ttl_seconds: float, compress_from_bytes: int
) -> Entry | None:
    """Return the entry that keeps ``answer``, or None if it holds no data.

    It lives ``ttl_seconds``, but never past the user's midnight. Data is compressed from ``compress_from_bytes`` on.
    """
    data = answer.body
    if data is None:
        return None
    days = answer.first_day, answer.last_day
    seen = answer.epoch, answer.source, answer.patched_days
    question = _question(dashboard, key.arguments, *days, *seen, (answer.zone, answer.today))
    lifetime = ttl_seconds if answer.valid_seconds is None else min(ttl_seconds, answer.valid_seconds)
    return Entry(
        key._replace(arguments=question.arguments),
        data if len(data) < compress_from_bytes else compressed(data),
        question,
        make_digest(key, question.parameters, data, (answer.user_name, answer.zone, answer.today)),
        answer.drain_id,
        began=answer.sent,
        expires=answer.sent + lifetime,
        calculated_at=answer.calculated_at,
        user_name=answer.user_name,
    )


@lru_cache(MOST_QUESTIONS)
def _question(
    dashboard: Dashboard,
    arguments: tuple[Any, ...],
    first_day: date | None,
    last_day: date | None,
    epoch: int,
    computed_by: str,
    patched_days: int,
    shown: tuple[str | None, date | None] = (None, None),
) -> Question:
    """Return what entries with these facts have in common: the same object for all of them while it is in use."""
    given = dict(zip(dashboard.arguments, arguments, strict=True))
    parameters = {name: _json_value(value) for name, value in dashboard.resolved(given, shown[1]).items()}
    return Question(
        arguments,
        epoch,
        computed_by,
        patched_days,
        json.dumps(parameters, separators=(",", ":")),
        dashboard.sources,
        first_day,
        last_day,
        *shown,
        dashboard.live(given),
    )


def make_digest(key: EntryKey, parameters: str, data: bytes, shown: tuple[object, ...] = ()) -> bytes:
    """Return the digest for an answer's ``ETag``, made of user, question, what declares it, and data, but not of the
    watermark.

    :param parameters: as they were resolved, a JSON object as text.
    :param shown: what the answer shows of the user.
    """
    question = [str(key.user), key.declaration, key.dashboard, parameters, *shown]
    digest = hashlib.blake2b(json.dumps(question, default=str).encode(), digest_size=12)
    digest.update(b"\0")
    digest.update(data)
    return digest.digest()


def _json_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json_value(it) for it in value]
    return value if value is None or isinstance(value, int | str) else str(value)
