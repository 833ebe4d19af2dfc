"""``frontview demo --once``: the same overview from three sources, then a write that the next read includes.

Invariant: every printed statement was checked; one that does not hold raises.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from psycopg.rows import dict_row

from models.connection import Connection
from views_sql.operations.catalog import load_application
from web.reads.exact_read import ReadQuestion, statement_of
from web.voice.demo.client import Answer, Client
from web.voice.demo.stage import DemoError

NEW_CALL = """
    INSERT INTO calls (user_id, agent_id, status, duration_seconds, cost_cents)
    VALUES (%s, %s, 'completed', 61, 18) RETURNING id
"""
SETTLE_SECONDS = 20.0
READS = 5


def prove(
    connection: Connection, client: Client, user: int, agent: int, trust_seconds: float, say: Callable[[str], None]
) -> None:
    """Show and check the three sources and the effect of a write.

    :raises DemoError: a promise was broken; the message says which.
    """
    say(f"\nOverview of user {user}, three times the same bytes:")
    before = _three_sources(connection, client, user, say)
    say("\nA call is written by SQL:")
    calls = _calls(before) + 1
    row = connection.execute(NEW_CALL, (user, agent)).fetchone()
    committed = time.perf_counter()
    exact = client.overview(exact=True)
    seen = time.perf_counter() - committed
    _require(_calls(exact.data) == calls, f"the exact read after the commit lacks the call: {_calls(exact.data)}")
    _require(
        row is not None and any(call.get("call_id", call.get("id")) == row[0] for call in _recent(exact.data)),
        "the exact read after the commit does not list the call",
    )
    say(f"  the next exact read has it ({seen * 1000:.1f} ms after the commit, {_label(exact)})")
    cached, waited = _until_cached(client, committed, trust_seconds, calls)
    _require(cached.data == exact.data, "the cached answer differs from the exact one")
    say(f"  the cache has it {waited * 1000:.0f} ms after the commit (promised: {trust_seconds * 1000:.0f} ms)")
    base, seconds = _base(connection, user)
    _require(base == exact.data, "the base tables give another answer than the views")
    say(f"  the base tables agree ({seconds * 1000:.1f} ms)")


def _three_sources(connection: Connection, client: Client, user: int, say: Callable[[str], None]) -> bytes:
    """Print each source with its best time; return the data, which all sources agree on."""
    base, seconds = min((_base(connection, user) for _ in range(READS)), key=lambda read: read[1])
    say(f"  {'database':<18}{seconds * 1000:8.2f} ms  the function on the base tables, in SQL")
    view = min((client.overview(exact=True) for _ in range(READS)), key=lambda answer: answer.seconds)
    _check_source(view, "materialized_view", base)
    say(f"  {'materialized_view':<18}{view.seconds * 1000:8.2f} ms  over HTTP, {_patched(view)}")
    deadline = time.monotonic() + SETTLE_SECONDS
    while client.overview().meta["source"] != "cache":
        _require(time.monotonic() < deadline, f"no read came from the cache within {SETTLE_SECONDS:.0f} s")
        time.sleep(0.05)
    cached = min((client.overview() for _ in range(READS)), key=lambda answer: answer.seconds)
    _check_source(cached, "cache", base)
    say(f"  {'cache':<18}{cached.seconds * 1000:8.2f} ms  over HTTP, {cached.meta['age_seconds']:.2f} s old")
    return base


def _base(connection: Connection, user: int) -> tuple[bytes, float]:
    overview = load_application(connection).dashboard("overview")
    statement, values = statement_of([ReadQuestion(overview, user, overview.plain_arguments)], base=True)
    with connection.cursor(row_factory=dict_row) as cursor:
        began = time.perf_counter()
        row = cursor.execute(statement.encode(), values).fetchone()
        seconds = time.perf_counter() - began
    if row is None or row["body"] is None or row["source"] != "database":
        raise DemoError(f"The base tables gave no overview of user {user} labelled `database`: {row}.")
    return row["body"].encode(), seconds


def _until_cached(client: Client, committed: float, trust_seconds: float, calls: int) -> tuple[Answer, float]:
    """Return the first cached answer that includes the call, and the seconds from the commit to that answer."""
    while True:
        sent_after = time.perf_counter() - committed
        answer = client.overview()
        if answer.meta["source"] == "cache" and _calls(answer.data) == calls:
            return answer, time.perf_counter() - committed
        late = f"a read sent {sent_after:.2f} s after the commit lacks the call ({_label(answer)})"
        _require(sent_after <= trust_seconds or _calls(answer.data) == calls, late)
        _require(sent_after < SETTLE_SECONDS, f"no cached read within {SETTLE_SECONDS:.0f} s of the write")
        time.sleep(0.01)


def _check_source(answer: Answer, source: str, data: bytes) -> None:
    label = answer.meta["source"]
    _require(label == source, f"expected an answer from {source}, it says {label}")
    _require(answer.data == data, f"the answer from {source} differs from the one of the base tables")


def _calls(data: bytes) -> int:
    return int(json.loads(data)["calls"]["all_time"]["calls"])


def _recent(data: bytes) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads(data)["recent_calls"]
    return calls


def _label(answer: Answer) -> str:
    meta = answer.meta
    return f"{meta['source']}, {_patched(answer)}, watermark {meta['watermark']}"


def _patched(answer: Answer) -> str:
    days = answer.meta["patched_days"]
    return f"{days} day{'s' * (days != 1)} patched"


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DemoError(f"The demo found a fault: {otherwise}.")
