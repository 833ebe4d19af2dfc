"""Rows without days of which something is shown as it is: those of labels, lists and the users themselves.

Invariant: what is frozen was deparsed from a parse tree, and depends on its row alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from views_sql.declaration.proven import ProvenSource
from views_sql.proof.columns import Column
from views_sql.proof.expressions import Expression
from views_sql.proof.findings import Place
from views_sql.proof.row_view import RowView, deparsed
from views_sql.proof.session import Connection, value
from views_sql.proof.sources import NO_DAYS, source_of
from views_sql.proof.tables import Table

FAILS = "each answer that shows it"

# to_json calls such a function with the rights of Frontview's owner.
CAST_TO_JSON = """
SELECT count(*) FROM pg_type t JOIN pg_cast c ON c.castsource IN (t.oid, t.typelem)
WHERE t.oid = to_regtype(%s) AND c.casttarget IN ('json'::regtype, 'jsonb'::regtype) AND c.castfunc <> 0
    AND c.castsource >= 16384
"""


@dataclass(frozen=True, slots=True)
class ShownRows:
    """The deparsed SELECT of rows, and what is captured of their table."""

    select: str
    source: ProvenSource


def check_shown(connection: Connection, of: Expression, place: Place) -> bool:
    """Return whether answers can show a value; otherwise a fault was added."""
    if of.type.base or of.type.kind == "e":
        return True
    if of.type.kind == "c" or value(connection, CAST_TO_JSON, of.type.name):
        place.refuse(
            f"{of.spelled} is of type {of.type.name}, whose spelling in JSON is not PostgreSQL's own; show a field of "
            "it, or its text"
        )
        return False
    return True


def shown_rows(
    connection: Connection,
    name: str,
    table: Table,
    user: Column | None,
    columns: dict[str, Expression],
    where: Iterable[Expression],
    place: Place,
) -> ShownRows | None:
    """Return the rows of a table with a user, if they have one, and with columns; None after a fault was added."""
    where = tuple(where)
    view = RowView(table, user, None, NO_DAYS.counted, NO_DAYS.stored, columns, where)
    text, shown = deparsed(connection, view)
    expected = [*(["user_key"] if user else []), *columns]
    if list(shown) != expected:
        place.refuse(f"its expressions do not fit together: they make the columns {', '.join(shown)}")
        return None
    read = [it for of in (*columns.values(), *where) for it in of.reads]
    return ShownRows(text, source_of(name, table, user, None, NO_DAYS, read))
