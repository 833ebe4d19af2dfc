"""The indexes that reads and refreshes need on a table, with the statements that make them.

Reads take one user's range of days: (user, time). A refresh of recent days takes all users' newest rows: an index that
begins with the time, without which each refresh reads the whole history.
"""

from collections.abc import Sequence

from views_sql.proof.columns import Column
from views_sql.proof.findings import Place
from views_sql.proof.session import Connection, quoted, rows, value
from views_sql.proof.tables import Table

LEADING = """
SELECT m.amname::text, i.indkey[0]::int, CASE WHEN i.indnkeyatts > 1 THEN i.indkey[1]::int END
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = %s AND i.indisvalid AND i.indpred IS NULL
"""
# The numbers of an index's columns, and for each whether it descends (1) and has NULL first (2).
ORDERED_INDEXES = """
SELECT i.indkey::int2[]::int[], i.indoption::int2[]::int[]
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = %s AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree'
"""
# Of a partitioned table the greatest of its parts: they are read one by one.
CORRELATION = """
SELECT COALESCE(max(abs(s.correlation)), 0) FROM pg_stats s
WHERE s.attname = %s AND (s.schemaname, s.tablename) IN (SELECT * FROM unnest(%s::name[], %s::name[]))
"""
PARTITIONED_BY = "SELECT partstrat::text, partattrs[0]::int FROM pg_partitioned_table WHERE partrelid = %s"


def advise_indexes(connection: Connection, table: Table, user: Column, time: Column | None, place: Place) -> None:
    """Advise the indexes that are missing."""
    there = [tuple(row) for row in rows(connection, LEADING, table.oid)]
    if time is None:
        if not any(first == user.number and method == "btree" for method, first, _ in there):
            _advise(table, [user], "btree", f"each read takes the rows of one user of {table.spelled}", place)
        return
    if not any((method, first, second) == ("btree", user.number, time.number) for method, first, second in there):
        _advise(table, [user, time], "btree", f"each read takes one user's days of {table.spelled}", place)
    led = any(method in {"btree", "brin"} and first == time.number for method, first, _ in there)
    if not led and not _pruned(connection, table, time):
        method = "brin" if _correlation(connection, table, time) > 0.9 else "btree"
        reason = f"without it each refresh of recent days reads all of {table.spelled}"
        _advise(table, [time], method, reason, place)


def advise_ordered(
    connection: Connection, table: Table, user: Column, order: Sequence[tuple[Column, bool]], place: Place
) -> None:
    """Advise the index of a list, (user, order…), if none has its columns in that order.

    :param order: columns with whether they descend; those after them only break ties.
    """
    if any(column.generated == "v" for column, _ in order):
        return  # No index can hold it.
    wanted = [user.number, *(column.number for column, _ in order)]
    directions = [descending for _, descending in order]
    for numbers, options in rows(connection, ORDERED_INDEXES, table.oid):
        found = [option == 3 for option in options[1 : len(wanted)]]
        plain = all(option in {0, 3} for option in options[1 : len(wanted)])  # NULL where ORDER BY puts it
        if numbers[: len(wanted)] == wanted and plain and found in (directions, [not it for it in directions]):
            return
    mixed = [quoted(column.name) + " DESC" * (descending != directions[0]) for column, descending in order]
    reason = f"each read of the list takes the first rows of one user of {table.spelled}"
    _advise_spelled(table, [quoted(user.name), *mixed], "btree", reason, place)


def _pruned(connection: Connection, table: Table, time: Column) -> bool:
    """Return whether partitions by range of the time do what an index on it would do."""
    return table.kind == "partitioned" and [("r", time.number)] == rows(connection, PARTITIONED_BY, table.oid)


def _correlation(connection: Connection, table: Table, time: Column) -> float:
    schemas, names = [part.schema for part in table.tree], [part.name for part in table.tree]
    return float(value(connection, CORRELATION, time.name, schemas, names))


def _advise(table: Table, columns: list[Column], method: str, reason: str, place: Place) -> None:
    _advise_spelled(table, [quoted(column.name) for column in columns], method, reason, place)


def _advise_spelled(table: Table, columns: list[str], method: str, reason: str, place: Place) -> None:
    """Advise an index; of a partitioned table, first on each of its parts, without a lock on the others."""
    using = "" if method == "btree" else f"USING {method} "
    what = f"{using}({', '.join(columns)})"
    for leaf in table.leaves:
        place.findings.advise(f"CREATE INDEX CONCURRENTLY ON {leaf} {what};", reason)
    if table.kind == "partitioned":
        place.findings.advise(
            f"CREATE INDEX ON {table.sql} {what};", f"adopts the indexes of the parts of {table.spelled}, after those"
        )
