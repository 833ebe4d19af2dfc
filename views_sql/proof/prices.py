"""What a view costs, from a sample of its table: rows a group, bytes, time of the first population, writes a second.

A table of at most :data:`READ_BYTES` is read whole, so that its figures are exact. The sample also runs every
expression over real rows; one that raises an error is a fault, since ``migrate`` would fail on it.
"""

import psycopg

from views_sql.proof.expressions import session_lost
from views_sql.proof.findings import Place
from views_sql.proof.row_view import RowView
from views_sql.proof.session import Connection, attempt, inner, quoted, run_author_text, short_transaction, value
from views_sql.proof.verdict import Price
from views_sql.proof.view import Judged

READ_BYTES = 32 * 1024 * 1024
SIZE = "SELECT COALESCE(sum(pg_relation_size(part)), 0)::bigint FROM unnest(%s::oid[]) part"
WRITES = """
SELECT COALESCE(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::float8
    / greatest(EXTRACT(epoch FROM now() - COALESCE(min(d.stats_reset), pg_postmaster_start_time()))::float8, 1)
FROM pg_stat_all_tables s, pg_stat_database d WHERE d.datname = current_database() AND s.relid = ANY (%s::oid[])
"""
CLOCK = "SELECT EXTRACT(epoch FROM clock_timestamp())::float8"


def price_of(connection: Connection, judged: Judged) -> Price | None:
    """Return the price of a view, or None after a warning or a fault was added; in a transaction of its own."""
    try:
        with short_transaction(connection):
            return _price(connection, judged)
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        judged.place.warn("has no price: the sample of its table took longer than 10 s, or the table is locked")
        return None
    except psycopg.Error as error:
        if session_lost(error):
            raise
        with short_transaction(connection):
            _name_what_raises(connection, judged, error)
    return None


def _price(connection: Connection, judged: Judged) -> Price:
    parts = [part.oid for part in judged.rows.table.tree]
    share = min(1.0, READ_BYTES / max(value(connection, SIZE, parts), 1))
    sample = judged.rows.select(_sample(share))
    by_day = ["user_key", "day"] if judged.rows.time else ["user_key"]
    grouped = [*by_day, *(of.name for of in judged.proven.dimensions.values())]
    started = value(connection, CLOCK)
    counted, groups, size = _groups(connection, sample, grouped, len(judged.proven.measures), share)
    seconds = value(connection, CLOCK) - started
    hidden = {}
    for measure in judged.proven.measures:
        if measure.verb == "distinct" and not measure.live:
            _, hidden[measure.name], more = _groups(connection, sample, [*grouped, f"m_{measure.name}"], 1, share)
            size += more
    price = Price(
        judged.proven.name, counted, groups, size, hidden, seconds / share, value(connection, WRITES, parts),
        share == 1.0, None,
    )  # fmt: skip
    return _with_widest(connection, judged, sample, price) if price.saves_nothing else price


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


def _with_widest(connection: Connection, judged: Judged, sample: str, price: Price) -> Price:
    """Return the price with the dimension that has the most values."""
    names = list(judged.proven.dimensions)
    if not names:
        return price
    counted = ", ".join(f"count(DISTINCT {quoted(f'd_{name}')})" for name in names)
    counts = run_author_text(connection, f"SELECT {counted} FROM (\n{sample}\n) r").fetchall()[0]  # nosec B608  # the author's text goes as one expression, by the extended protocol
    count, name = max(zip(counts, names, strict=True))
    return Price(
        price.view, price.rows, price.groups, price.bytes, price.hidden, price.population_seconds,
        price.writes_per_second, price.exact, (name, count),
    )  # fmt: skip


def _name_what_raises(connection: Connection, judged: Judged, error: psycopg.Error) -> None:
    """Add a fault at the expression that raises an error on a row that is there."""
    rows_of: RowView = judged.rows
    expressions = [(_place(judged.place, name), of.text) for name, of in rows_of.columns.items()]
    expressions += [(judged.place / "where", of.text) for of in rows_of.where]
    for place, text in expressions:
        try:
            with attempt(connection):
                run_author_text(connection, f"SELECT count({inner(text)}) FROM {rows_of.table.sql}")  # nosec B608  # the author's text goes as one expression, by the extended protocol
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
