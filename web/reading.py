"""What a read asks for and what it gets: policies, readings, and the entry made of an answer.

Invariant: a reading says who served it, who computed it and how old it is, as the entry remembers it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from refresher.body import Body, body_data, kept_body
from refresher.entry import Entry, EntryKey
from views_sql.maintained_view import Dashboard
from web.exact_read import Answer


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """What a request's ``Cache-Control`` asks for: ``no-cache``, ``max-age``, ``stale-if-error``."""

    exact: bool = False
    max_age_seconds: float | None = None
    stale_if_error_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer and the truth about it; times in Unix seconds.

    :param body: the data as the front cache keeps it.
    :param source: who served it: ``cache``, ``materialized_view`` or ``database``.
    :param computed_by: ``materialized_view`` or ``database``.
    :param age_seconds: since its statement was sent; it misses nothing committed before that.
    :param parameters: as they were resolved, JSON values; shared, not to be changed.
    :param stored: whether the front cache holds it now.
    :param miss_reason: why the front cache did not answer, as in RFC 9211 ``fwd=``; None on a hit.
    :param stale: past its trust, served because the database is gone and staleness was allowed.
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
    parameters: dict[str, object]
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
    """Return the reading of an answer just computed."""
    return _reading(entry, now, entry.computed_by, stored, miss_reason, False, database_ms)


def _reading(
    entry: Entry,
    now: float,
    source: str,
    stored: bool,
    why: str | None,
    stale: bool,
    database_ms: float | None,
) -> Reading:
    # by position: this is the larger part of a hit
    return Reading(
        entry.body,
        entry.etag,
        source,
        entry.computed_by,
        entry.calculated_at,
        entry.expires_at,
        now - entry.began if now > entry.began else 0.0,
        entry.expires - now if now < entry.expires else 0.0,
        entry.patched_days,
        entry.watermark,
        entry.parameters,
        stored,
        why,
        stale,
        database_ms,
    )


def make_entry(
    asked: Dashboard, key: EntryKey, answer: Answer, ttl_seconds: float, compress_from_bytes: int
) -> Entry | None:
    """Return the entry that keeps ``answer``, None when it holds nothing.

    It lives ``ttl_seconds``, but never past the user's midnight. Of ``compress_from_bytes`` on, it is compressed here.
    """
    data = answer.body
    if data is None:
        return None
    given = dict(zip(asked.arguments, key.arguments, strict=True))
    parameters = resolved_parameters(given, answer.first_day, answer.last_day, asked.periods)
    lifetime = ttl_seconds if answer.valid_seconds is None else min(ttl_seconds, answer.valid_seconds)
    return Entry(
        body=kept_body(data, compress_from_bytes),
        etag=make_etag(key, parameters, data),
        epoch=answer.epoch,
        drain_id=answer.drain_id,
        watermark=f"{answer.epoch}-{answer.drain_id}",
        computed_by=answer.source,
        patched_days=answer.patched_days,
        parameters=parameters,
        sources=asked.sources(given, answer.valid_seconds is not None),
        first_day=answer.first_day,
        last_day=answer.last_day,
        began=answer.sent,
        expires=answer.sent + lifetime,
        calculated_at=answer.calculated_at,
        expires_at=answer.calculated_at + lifetime,
    )


def resolved_parameters(
    given: Mapping[str, Any], first_day: date | None, last_day: date | None, periods: int = 1
) -> dict[str, Any]:
    """Return the parameters as JSON values, ``from`` and ``to`` as the days of the answer resolved them.

    :param periods: equally long periods that the days cover; ``from`` and ``to`` bound the last of them.
    """
    resolved = {name: _json_value(value) for name, value in given.items()}
    if "from" in resolved and "to" in resolved and first_day is not None and last_day is not None:
        days = ((last_day - first_day).days + 1) // periods
        resolved["from"] = (last_day - timedelta(days=days - 1)).isoformat()
        resolved["to"] = last_day.isoformat()
    return resolved


def make_etag(key: EntryKey, parameters: Mapping[str, Any], data: bytes) -> str:
    """Return a strong ``ETag`` of user, question and data; never of the watermark."""
    question = json.dumps([str(key.user), key.dashboard, parameters], sort_keys=True, default=str)
    digest = hashlib.blake2b(question.encode(), digest_size=16)
    digest.update(b"\0")
    digest.update(data)
    return f'"{digest.hexdigest()}"'


def _json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
