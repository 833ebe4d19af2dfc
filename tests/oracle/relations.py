"""Whether two relations hold the same rows: merged reads and tiers against the SELECTs that they maintain.

Invariant: a comparison is one statement with one snapshot, and EXCEPT ALL both ways, so that duplicates count.
"""

from collections.abc import Iterator
from typing import LiteralString, NamedTuple

from psycopg import sql

from models.connection import Connection
from views_sql.declaration.maintained_view import MaintainedView

_READ = """
WITH state AS MATERIALIZED (
    SELECT frontview.begin_read({user}, ARRAY[{name}], '-infinity', 'infinity', FALSE) AS s
), stale AS MATERIALIZED (
    SELECT ((s).views)[1] AS v FROM state
), given AS MATERIALIZED (
    SELECT m.* FROM stale, {merged}({user}, {range} stale.v) m
), wanted AS MATERIALIZED (
    {wanted}
), {sums}
SELECT {rows}, {rows_of_sums}, (SELECT count(*) FROM wanted), (SELECT frontview.rewritten((s).storage) FROM state)
"""
_LIVE: LiteralString = "SELECT * FROM {live} WHERE {key} = {user}"
# One row a day since the 20th day before today, and one of all days before.
_SUMS = """
given_sums AS MATERIALIZED (
    SELECT m.day, {measures} FROM stale, {by_day}({user}, CURRENT_DATE - 20, stale.v) m GROUP BY m.day HAVING {any}
), wanted_sums AS MATERIALIZED (
    SELECT CASE WHEN m.{day} >= CURRENT_DATE - 20 THEN m.{day} END AS since, {measures}
    FROM wanted m GROUP BY since HAVING {any}
)
"""
_NO_SUMS = "given_sums AS (SELECT 1 WHERE FALSE), wanted_sums AS (SELECT 1 WHERE FALSE)"
_BOTH_WAYS = """
    (SELECT count(*) FROM (SELECT * FROM {given} EXCEPT ALL SELECT * FROM {wanted}) a),
    (SELECT count(*) FROM (SELECT * FROM {wanted} EXCEPT ALL SELECT * FROM {given}) b)
"""
_ROWS = _BOTH_WAYS.format(given="given", wanted="wanted")
_ROWS_OF_SUMS = _BOTH_WAYS.format(given="given_sums", wanted="wanted_sums")
_TIER = (
    "WITH given AS MATERIALIZED ({given}), wanted AS MATERIALIZED ({wanted}) "
    f"SELECT {_ROWS}, (SELECT count(*) FROM given)"
)


class Difference(NamedTuple):
    """What one comparison found: rows too many and rows missing, of how many rows there should be.

    :param wrong_sums: rows of sums a day on one side only.
    :param rewritten: a table was given new storage meanwhile, so the read has to be repeated and proves nothing.
    """

    too_many: int
    missing: int
    rows: int
    wrong_sums: int = 0
    rewritten: bool = False

    def __bool__(self) -> bool:
        return (self.too_many, self.missing, self.wrong_sums) != (0, 0, 0)

    def __str__(self) -> str:
        return f"{self.too_many} rows too many, {self.missing} missing, {self.wrong_sums} wrong sums"


def merged_read(
    connection: Connection, view: MaintainedView, user: object, wanted: LiteralString = _LIVE
) -> Difference:
    """Compare the merged reads of one user, rows and sums, with the live relation.

    :param wanted: what they are compared with instead: a query, which may name {live}, {name}, {key} and {user}.
    :raises psycopg.errors.SerializationFailure: a table was rewritten meanwhile, so the read must be repeated.
    :raises psycopg.errors.DeadlockDetected: a TRUNCATE took its locks in another order; the same holds.
    """
    query = sql.SQL(_READ).format(
        user=_key(user),
        name=sql.Literal(view.name),
        merged=sql.Identifier("frontview", f"{view.name}_merged"),
        range=sql.SQL("'-infinity', 'infinity'," if view.day_column else ""),
        wanted=sql.SQL(wanted).format(
            live=sql.Identifier("frontview", f"{view.name}_live"),
            name=sql.Literal(view.name),
            key=sql.Identifier(view.unique_key[0]),
            user=_key(user),
        ),
        sums=_sums(view, user) if view.day_column else sql.SQL(_NO_SUMS),
        rows=sql.SQL(_ROWS),
        rows_of_sums=sql.SQL(_ROWS_OF_SUMS),
    )
    row = connection.execute(query).fetchone()
    assert row is not None
    too_many, missing, sums_too_many, sums_missing, rows, rewritten = row
    return Difference(too_many, missing, rows, sums_too_many + sums_missing, rewritten)


def tiers(connection: Connection, view: MaintainedView) -> Iterator[tuple[str, Difference]]:
    """Compare each tier of a view, by its relation's name, with what it must hold when no part of it is stale."""
    for tier, given, wanted in _tiers(view):
        query = sql.SQL(_TIER.format(given=given, wanted=wanted))
        row = connection.execute(query).fetchone()
        assert row is not None
        yield f"{view.name}_{tier}", Difference(*row)


def _key(user: object) -> sql.Composable:
    return sql.SQL("{}::text::frontview.user_key").format(sql.Literal(str(user)))


def _sums(view: MaintainedView, user: object) -> sql.Composable:
    measures = [sql.SQL("COALESCE(sum(m.{}), 0)::numeric").format(sql.Identifier(name)) for name in view.measures]
    return sql.SQL(_SUMS).format(
        user=_key(user),
        measures=sql.SQL(", ").join(measures),
        any=sql.SQL(" OR ").join(sql.SQL("{} <> 0").format(measure) for measure in measures),
        by_day=sql.Identifier("frontview", f"{view.name}_by_day_merged"),
        day=sql.Identifier(view.day_column or ""),
    )


def _tiers(view: MaintainedView) -> Iterator[tuple[str, str, str]]:
    """Yield each tier, its rows, and what they must be: rows of the live relation, or sums of another tier."""
    name, live = f"frontview.{view.name}", f"SELECT * FROM frontview.{view.name}_live"
    if view.day_column is None:
        yield "whole", f"SELECT * FROM {name}_whole", live
        return
    horizon = f"(SELECT first_day FROM frontview.view_state WHERE view = '{view.name}' AND tier = 'recent')"
    archive, columns = f"{name}_archive", ", ".join(view.columns)
    yield (
        "archive",
        f"SELECT {columns} FROM {archive}",
        f"SELECT {columns} FROM {name}_live WHERE {view.day_column} < {horizon}",
    )
    yield "recent", f"SELECT * FROM {name}_recent", f"{live} WHERE {view.day_column} >= {horizon}"
    sums = ", ".join(f"sum({measure})::numeric AS {measure}" for measure in view.measures)
    for tier, of, key in (
        ("total", "archive", view.unique_key[:1]),
        ("by_day", "recent", (view.unique_key[0], view.day_column)),
    ):
        columns, keys = ", ".join((*key, *view.measures)), ", ".join(key)
        yield tier, f"SELECT {columns} FROM {name}_{tier}", f"SELECT {keys}, {sums} FROM {name}_{of} GROUP BY {keys}"
