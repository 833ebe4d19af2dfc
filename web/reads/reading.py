"""The values of a read: the request's policy, the database's answer, the entry made of it, and the reading returned.

Invariant: a reading says who served it, who computed it and how old it is, as its entry remembers it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from refresher.front_cache.body import Body, body_data, compressed
from refresher.front_cache.entry import Entry, EntryKey, Question
from views_sql.declaration.maintained_view import Dashboard

MOST_QUESTIONS = 2_048


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """What a request's ``Cache-Control`` asks for: ``no-cache``, ``max-age``, ``stale-if-error``."""

    exact: bool = False
    max_age_seconds: float | None = None
    stale_if_error_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one statement returned.

    :param body: JSON of the data; None: there is nothing of that kind for this user.
    :param valid_seconds: until the user's midnight by the database's clock; None: the answer does not depend on today.
    :param sent: monotonic time, and ``calculated_at`` Unix time, just before the statement was sent.
    """

    body: bytes | None
    epoch: int
    drain_id: int
    source: str
    patched_days: int
    undrained: bool
    first_day: date | None
    last_day: date | None
    valid_seconds: float | None
    sent: float
    calculated_at: float
    database_ms: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer to a request, and where it came from; times in Unix seconds.

    :param body: the data as the front cache keeps it.
    :param source: who served it: ``cache``, ``materialized_view`` or ``database``.
    :param computed_by: ``materialized_view`` or ``database``.
    :param age_seconds: since its statement was sent; the answer misses nothing committed before that.
    :param parameters: as they were resolved, a JSON object as text.
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

    @property
    def data(self) -> bytes:
        """What the database wrote."""
        return body_data(self.body)


def cached_reading(entry: Entry, now: float, *, stale: bool = False) -> Reading:
    """Return the reading of a hit at monotonic ``now``."""
    return _reading(entry, now, "cache", True, None, stale, None)


def computed_reading(entry: Entry, now: float, *, stored: bool, miss_reason: str, database_ms: float | None) -> Reading:
    """Return the reading of an answer that was just computed."""
    return _reading(entry, now, entry.question.computed_by, stored, miss_reason, False, database_ms)


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
    )


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
    dated = answer.valid_seconds is not None
    question = _question(dashboard, key.arguments, *days, dated, answer.epoch, answer.source, answer.patched_days)
    lifetime = ttl_seconds if answer.valid_seconds is None else min(ttl_seconds, answer.valid_seconds)
    return Entry(
        key._replace(arguments=question.arguments),
        data if len(data) < compress_from_bytes else compressed(data),
        question,
        make_digest(key, question.parameters, data),
        answer.drain_id,
        began=answer.sent,
        expires=answer.sent + lifetime,
        calculated_at=answer.calculated_at,
    )


@lru_cache(MOST_QUESTIONS)
def _question(
    dashboard: Dashboard,
    arguments: tuple[Any, ...],
    first_day: date | None,
    last_day: date | None,
    dated: bool,
    epoch: int,
    computed_by: str,
    patched_days: int,
) -> Question:
    """Return what entries with these facts have in common: the same object for all of them while it is in use."""
    given = dict(zip(dashboard.arguments, arguments, strict=True))
    parameters = resolved_parameters(given, first_day, last_day, dashboard.periods)
    return Question(
        arguments,
        epoch,
        computed_by,
        patched_days,
        json.dumps(parameters, separators=(",", ":")),
        dashboard.sources(given, dated),
        first_day,
        last_day,
    )


def resolved_parameters(
    given: Mapping[str, Any], first_day: date | None, last_day: date | None, periods: int = 1
) -> dict[str, Any]:
    """Return the parameters as JSON values, ``from`` and ``to`` as the days of the answer resolved them.

    :param periods: how many equally long periods the days cover; ``from`` and ``to`` bound the last of them.
    """
    resolved = {name: _json_value(value) for name, value in given.items()}
    if "from" in resolved and "to" in resolved and first_day is not None and last_day is not None:
        days = ((last_day - first_day).days + 1) // periods
        resolved["from"] = (last_day - timedelta(days=days - 1)).isoformat()
        resolved["to"] = last_day.isoformat()
    return resolved


def make_digest(key: EntryKey, parameters: str, data: bytes) -> bytes:
    """Return the digest for an answer's ``ETag``, made of user, question and data, but not of the watermark.

    :param parameters: as they were resolved, a JSON object as text.
    """
    digest = hashlib.blake2b(json.dumps([str(key.user), key.dashboard, parameters]).encode(), digest_size=12)
    digest.update(b"\0")
    digest.update(data)
    return digest.digest()


def _json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
