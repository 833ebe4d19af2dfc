"""What a view costs, from a sample of its table: rows a group, bytes, time of the first population.

A table of at most :data:`READ_BYTES` is read whole, so that its figures are exact. The sample also runs every
expression over real rows; one that raises an error is a fault, since ``migrate`` would fail on it.

Invariant: a host's ALTER TABLE, and everything that queues behind it, waits for one statement of at most
:data:`SAMPLE_SECONDS`: each sample is a transaction of its own, and one that takes longer is tried again on fewer rows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import psycopg

from views_sql.proof.expressions import session_lost
from views_sql.proof.findings import Place
from views_sql.proof.row_view import RowView
from views_sql.proof.session import (
    Connection,
    inner,
    quoted,
    run_author_text,
    set_locally,
    short_transaction,
    value,
)
from views_sql.proof.verdict import Price
from views_sql.proof.view import Judged

READ_BYTES = 32 * 1024 * 1024
SAMPLE_SECONDS = 1
FEWER = 10  # By how much the sample that is tried again is smaller.
SIZE = "SELECT COALESCE(sum(pg_relation_size(part)), 0)::bigint FROM unnest(%s::oid[]) part"
CLOCK = "SELECT EXTRACT(epoch FROM clock_timestamp())::float8"
OTHERS_HOLD_IT = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)
Answer = TypeVar("Answer")


def price_of(connection: Connection, judged: Judged) -> Price | None:
    """Return the price of a view, or None after a warning or a fault was added."""
    rows_of = judged.rows
    try:
        with short_transaction(connection):
            size = value(connection, SIZE, [part.oid for part in rows_of.table.tree])
        share = min(1.0, READ_BYTES / max(size, 1))
        if share < 1 and rows_of.selected is not None:
            judged.place.warn("has no price: no sample can be taken of what a SELECT gives, and its table is large")
            return None
        try:
            return _price(connection, judged, share)
        except psycopg.errors.QueryCanceled:
            if rows_of.selected is not None:
                raise
            return _price(connection, judged, share / FEWER)
    except OTHERS_HOLD_IT:
        said = f"a sample of its table took longer than {SAMPLE_SECONDS} s, or the table is locked"
        judged.place.warn(f"has no price: {said}")
    except psycopg.Error as error:
        if session_lost(error):
            raise
        _name_what_raises(connection, judged, error)
    return None


def _price(connection: Connection, judged: Judged, share: float) -> Price:
    sample = judged.rows.select(_sample(share))
    by_day = ["user_key", "day"] if judged.rows.time else ["user_key"]
    grouped = [*by_day, *(of.name for of in judged.proven.dimensions.values())]
    (counted, groups, size), seconds = _timed(
        connection, lambda: _groups(connection, sample, grouped, len(judged.proven.measures), share)
    )
    hidden = {}
    for measure in judged.proven.measures:
        if measure.verb == "distinct" and not measure.live:
            by_value = [*grouped, f"m_{measure.name}"]
            with _short(connection):
                _, values, more = _groups(connection, sample, by_value, 1, share)
            hidden[measure.name] = min(values, counted)  # Each sample is another one.
            size += more
    price = Price(judged.proven.name, counted, groups, size, hidden, seconds / share, share == 1.0, None)
    if price.saves_nothing and (names := list(judged.proven.dimensions)):
        with _short(connection):
            _, days, _ = _groups(connection, sample, by_day, 1, share)
        if days <= min(counted / 2, groups / 1.5):
            return replace(price, widest=_widest(connection, sample, names))
    return price


@contextmanager
def _short(connection: Connection) -> Iterator[None]:
    """Open a transaction for one statement over the host's rows."""
    with short_transaction(connection):
        set_locally(connection, {"statement_timeout": f"{SAMPLE_SECONDS}s"})
        yield


def _timed(connection: Connection, ask: Callable[[], Answer]) -> tuple[Answer, float]:
    """Return an answer from a short transaction, and how many seconds it needed."""
    with _short(connection):
        started = value(connection, CLOCK)
        answer = ask()
        return answer, value(connection, CLOCK) - started


def _sample(share: float) -> str:
    return "" if share == 1.0 else f"TABLESAMPLE SYSTEM ({share * 100:.6f})"


def _groups(connection: Connection, sample: str, by: list[str], stored: int, share: float) -> tuple[int, int, int]:
    """Return rows, groups and bytes of a stored view of the whole table.

    Of a sample the number of groups is the estimate of ANALYZE (Haas and Stokes, Duj1). A stored row has a header of
    28 bytes, its key, and eight bytes a measure; its index holds the key again.
    """
    key = ", ".join(quoted(name) for name in by)
    there = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in by if name in {"user_key", "day"})
    n, d, once, width = run_author_text(
        connection,
        f"WITH r AS MATERIALIZED (\n{sample}\n), g AS (SELECT count(*) AS n, avg(pg_column_size(ROW({key}))) AS width "  # nosec B608  # the author's text goes as one expression, by the extended protocol
        f"FROM r WHERE {there} GROUP BY {key}) SELECT COALESCE(sum(n), 0)::bigint, count(*), "
        "count(*) FILTER (WHERE n = 1), COALESCE(avg(width), 40)::float8 FROM g",
    ).fetchall()[0]
    total = round(n / share)
    groups = d if share == 1.0 or not n else min(total, round(n * d / (n - once + once * share)))
    padded = -(-round(width) // 8) * 8
    return total, groups, groups * (padded + 4 + 8 * stored + (padded - 24) + 12)


def _widest(connection: Connection, sample: str, names: list[str]) -> tuple[str, int]:
    """Return the dimension that has the most values, and how many."""
    counted = ", ".join(f"count(DISTINCT {quoted(f'd_{name}')})" for name in names)
    with _short(connection):
        counts = run_author_text(connection, f"SELECT {counted} FROM (\n{sample}\n) r").fetchall()[0]  # nosec B608  # the author's text goes as one expression, by the extended protocol
    count, name = max(zip(counts, names, strict=True))
    return name, count


def _name_what_raises(connection: Connection, judged: Judged, error: psycopg.Error) -> None:
    """Add a fault at the expression that raises an error on a row that is there."""
    rows_of: RowView = judged.rows
    expressions = [(_place(judged.place, name), of.text) for name, of in rows_of.columns.items()]
    expressions += [(judged.place / "where", of.text) for of in rows_of.where]
    for place, text in expressions:
        try:
            with _short(connection):
                run_author_text(connection, f"SELECT count({inner(text)}) FROM {rows_of.origin}")  # nosec B608  # the author's text goes as one expression, by the extended protocol
        except OTHERS_HOLD_IT:
            continue
        except psycopg.Error as raised:
            place.refuse(_raises(raised))
            return
    judged.place.refuse(_raises(error))


def _raises(error: psycopg.Error) -> str:
    said = (error.diag.message_primary or str(error)).split(': "')[0]  # without the value, which is a user's
    return f"raises an error on a row that is there ({said}): write it so that such a row gives NULL"


def _place(of: Place, name: str) -> Place:
    prefix, plain = name.split("_", 1)
    if prefix == "d":
        return of / "dimensions" / plain
    return of / "measures" / plain / "where" if prefix == "w" else of / "measures" / plain
