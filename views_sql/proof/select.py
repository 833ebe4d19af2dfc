"""A SELECT of the author's own whose rows take the place of a table's, and the tables that are captured for it.

Invariant: it reads nothing but tables that are captured for its view, with PostgreSQL's own immutable functions or
trusted ones, and holds no literal that came from the session. That a row depends only on rows of its user, and in
tables with a time of its day, is the author's word; ``check`` counts how many views rest on one.

It is made a temporary view, on which expressions are probed as on a table; the view is gone with the transaction.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg

from views_sql.declaration.application import SourceTable, View
from views_sql.declaration.proven import ProvenSource
from views_sql.proof import keys, origins, rights, session_dependence, spelling_errors
from views_sql.proof.columns import Column, columns_of
from views_sql.proof.expressions import RULE, session_lost
from views_sql.proof.findings import Place
from views_sql.proof.keys import Users
from views_sql.proof.session import (
    PINNED,
    SESSION_EAST,
    SESSION_WEST,
    Connection,
    attempt,
    rows,
    run_author_text,
    set_locally,
    value,
)
from views_sql.proof.sources import ViewZones, source_of, time_column
from views_sql.proof.tables import Table, find_table
from views_sql.proof.value_types import key_kind

VIEW = "frontview_select"
NEVER = {
    "{ROWMARKCLAUSE ": "locks rows (FOR UPDATE or FOR SHARE): a read of a dashboard locks nothing; leave it out",
    "{TABLESAMPLECLAUSE ": "takes a sample, which is another one each time: leave TABLESAMPLE out",
    ":limitCount {": "has LIMIT: which rows are left then depends on how they are read; leave it out",
    ":limitOffset {": "has OFFSET: which rows are left then depends on how they are read; leave it out",
    ":varattno 0 ": "uses a whole row: nothing says which columns it reads; name the columns",
    ":varattno -": "uses a system column, which changes without the row's own change: name a column of the table",
}

RELATIONS = re.compile(r":relid (\d+)")
# pg_depend does not list what every database has.
SYSTEM_TABLES = """
SELECT DISTINCT c.oid::regclass::text FROM pg_class c WHERE c.oid = ANY (%s::oid[]) AND c.relnamespace IN (
    'pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace
)
"""


@dataclass(frozen=True, slots=True)
class Selected:
    """The rows of an accepted SELECT.

    :param rows: like a table: its columns are those of the SELECT, its partitions those of the view's table.
    :param text: to be put in parentheses.
    :param read: the columns that it reads of the view's table.
    :param more: what is captured of its other tables.
    """

    rows: Table
    text: str
    read: tuple[str, ...]
    more: tuple[ProvenSource, ...]
    trusted: tuple[str, ...]


def judge_select(
    connection: Connection, view: View, of: tuple[Table, Column], users: Users, place: Place
) -> Selected | None:
    """Return the rows of a view's SELECT, or None after faults were added; its temporary view stays until the end.

    :param of: the view's table, and its column of the user.
    """
    (table, user), zone = of, view.zone or users.zone
    sources = list(_sources(connection, view, user, users, place))
    at = place / "select"
    text = (view.select_text or "").strip().rstrip(";").rstrip()
    if len(sources) < len(view.sources) or not _made(connection, text, at):
        return None
    oid = value(connection, "SELECT %s::regclass::oid::bigint", f"pg_temp.{VIEW}")
    found = origins.of_select(connection, oid, [table, *(it.table for it in sources)], view.trust, at)
    if not _depends_on_rows_alone(connection, text, zone, at) or found is None:
        return None
    for read, (name, it) in [(table, ("table", None)), *((it.table, (it.path, it)) for it in sources)]:
        if read.oid not in found.columns:
            (place / name).refuse(_not_read(read, is_source=it is not None))
    rows = replace(
        table, oid=oid, schema="pg_temp", name=VIEW, columns=columns_of(connection, oid), called=str(view.select)
    )
    more = tuple(it.proven(view.name, found.columns.get(it.table.oid, ())) for it in sources)
    return Selected(rows, text, found.columns.get(table.oid, ()), more, found.trusted)


def same_column(selected: Selected, column: Column, place: Place) -> Column | None:
    """Return the column of the SELECT that has the name and kind of one of its table, or None after a fault."""
    shown = selected.rows.columns.get(column.name)
    if shown is None:
        place.refuse(f"{selected.rows.called} gives no column {column.name}; it has to, beside what is measured")
    elif (shown.type.base, key_kind(shown.type)) != (column.type.base, key_kind(column.type)):
        place.refuse(
            f"{column.name} is of type {shown.type.name} in {selected.rows.called}, and of type {column.type.name} "
            "in the table; give it the table's type"
        )
    else:
        return shown
    return None


@dataclass(frozen=True, slots=True)
class _Source:
    """A table of ``sources`` with its columns; ``path`` is its place."""

    path: str
    table: Table
    user: Column
    time: Column | None
    zones: ViewZones

    def proven(self, name: str, read: tuple[str, ...]) -> ProvenSource:
        return source_of(name, self.table, self.user, self.time, self.zones, read)


def _sources(connection: Connection, view: View, like: Column, users: Users, place: Place) -> Iterator[_Source]:
    """Yield the sources without a fault.

    :param like: the column of the user of the view's table.
    """
    zone = view.zone or users.zone
    for number, declared in enumerate(view.sources):
        path = f"sources[{number}]"
        table = find_table(connection, declared.table, place / path)
        if table is None:
            continue
        rights.check_owner(connection, table, place / path)
        users.zones.check(declared.stored_zone, place / path / "stored_zone")
        user = keys.user_column(connection, _user_of(declared, like, table), table, users, place / path / "user")
        time = None
        if declared.time is not None:
            time = time_column(table, declared.time, zone, place / path / "time")
        if user is not None and (time is not None or declared.time is None):
            users.keys.append((user, place / path / "user"))
            own = view.zone is None and users.zone_column is not None
            yield _Source(path, table, user, time, ViewZones(zone, declared.stored_zone, own))


def _user_of(declared: SourceTable, like: Column, table: Table) -> str | None:
    return declared.user or (like.name if like.name in table.columns else None)


def _made(connection: Connection, text: str, place: Place) -> bool:
    """Return whether the text is one SELECT, of which there is a temporary view then; otherwise a fault was added."""
    try:
        with connection.transaction():
            run_author_text(connection, f"CREATE TEMP VIEW {VIEW} AS\n{text}")
            with attempt(connection):  # Brackets that a text closes here it could not close above.
                run_author_text(connection, f"CREATE TEMP VIEW {VIEW}_inside AS SELECT * FROM (\n{text}\n) s")  # nosec B608  # the author's SELECT, by the extended protocol
    except psycopg.Error as error:
        if session_lost(error):
            raise
        place.refuse(spelling_errors.of_select(error))
        return False
    return True


def _depends_on_rows_alone(connection: Connection, text: str, zone: str, place: Place) -> bool:
    """Return whether the rows are the same in every session and at every moment; otherwise faults were added."""
    tree = value(connection, RULE, f"pg_temp.{VIEW}")
    sentences = [sentence for sign, sentence in NEVER.items() if sign in tree]
    sentences += [
        f"reads {name}, a system table, whose changes nobody would capture: leave it out"
        for (name,) in rows(connection, SYSTEM_TABLES, [int(oid) for oid in RELATIONS.findall(tree)])
    ]
    sentences += session_dependence.sentences(connection, tree, zone)
    sentences += session_dependence.casts_by_text(connection, tree)
    if not sentences and _literals(connection, text, SESSION_WEST) != _literals(connection, text, SESSION_EAST):
        sentences.append(session_dependence.LITERAL)
    for sentence in sentences:
        place.refuse(sentence)
    return not sentences


def _literals(connection: Connection, text: str, session: dict[str, str]) -> str:
    """Return PostgreSQL's own text of a SELECT that was parsed in some session."""
    with attempt(connection):
        connection.execute(f"DROP VIEW pg_temp.{VIEW}")
        set_locally(connection, session)
        run_author_text(connection, f"CREATE TEMP VIEW {VIEW} AS\n{text}")
        set_locally(connection, {name: PINNED.get(name, "Default") for name in session})
        return str(value(connection, "SELECT pg_get_viewdef(%s::regclass)", f"pg_temp.{VIEW}"))


def _not_read(table: Table, *, is_source: bool) -> str:
    if is_source:
        return f"the SELECT does not read {table.spelled}; leave it out"
    return f"the SELECT does not read {table.spelled}: table is the one whose rows it gives, with their user and time"
