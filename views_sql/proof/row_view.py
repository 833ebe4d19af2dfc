"""The row view of a view, list, label or of facts: a row for each row that counts, with fixed names of columns.

Its text is put together here from quoted names and from expressions that PostgreSQL has accepted one by one, created as
a temporary view, and read back from the parse tree: only that text is ever frozen.
"""

from dataclasses import dataclass

from models.user_key import LONGEST_TEXT
from views_sql.declaration.day_of_time import day_of_time, zone_literal
from views_sql.declaration.proven import RowColumn
from views_sql.proof.columns import Column, columns_of
from views_sql.proof.expressions import Expression
from views_sql.proof.session import Connection, attempt, inner, quoted, run_author_text, value
from views_sql.proof.tables import Table
from views_sql.proof.value_types import TIMES

VIEW = "frontview_row_view"


@dataclass(frozen=True, slots=True)
class RowView:
    """What a row view is made of.

    :param user: None: its rows are of no single user.
    :param columns: expressions by their name in the row view.
    :param where: only rows for which all of these are true.
    :param own_zones: whether days are those of each user's own zone; ``zone`` is that of users without one.
    :param selected: a SELECT whose rows take the place of the table's.
    """

    table: Table
    user: Column | None
    time: Column | None
    zone: str
    stored_zone: str
    columns: dict[str, Expression]
    where: tuple[Expression, ...]
    selected: str | None = None
    own_zones: bool = False

    @property
    def origin(self) -> str:
        """Where its rows come from, as an item of FROM; it holds the author's SELECT, if there is one."""
        return self.table.sql if self.selected is None else f"(\n{self.selected}\n) frontview_select"

    def select(self, sample: str = "", *, days: bool = True) -> str:
        """Return its text, from the whole table or from a sample of it; it holds the author's.

        :param days: whether it has the column ``day``, which days of users' own zones do not have before the join.
        """
        shown = [f"{_cast(self.user)} AS user_key"] if self.user else []
        if self.time:
            shown.append(f"{_cast(self.time)} AS at")
        if self.time and days:
            kind, zone = TIMES[self.time.type.base], zone_literal(self.zone)
            shown.append(f"{day_of_time(_cast(self.time), kind, zone, self.stored_zone)} AS day")
        shown += [f"{_value(of)} AS {quoted(name)}" for name, of in self.columns.items()]
        where = " AND ".join([*_short_key(self.user), *(inner(of.text) for of in self.where)])
        return f"SELECT {', '.join(shown)} FROM {self.origin} {sample}" + (f" WHERE {where}" if where else "")  # nosec B608  # the author's text goes as one expression, by the extended protocol


def _short_key(user: Column | None) -> list[str]:
    """Return the condition that a text is no longer than a user key may be, if its type allows it.

    The key itself stays a column, for its index; of ``<>`` the planner expects that nearly all rows meet it.
    """
    if user is None or not user.type.long:
        return []
    over = LONGEST_TEXT + 1
    return [f'pg_catalog.length(pg_catalog."left"({_cast(user)}, {over})) <> {over}']


def _cast(column: Column) -> str:
    """Return a column's value, of its base type if its type is a domain."""
    return f"{quoted(column.name)}::{column.type.name}" if column.domain else quoted(column.name)


def _value(of: Expression) -> str:
    if of.column:
        return _cast(of.column)
    return f"{inner(of.text)}::{of.type.name}" if of.domain else inner(of.text)


def deparsed(connection: Connection, view: RowView) -> tuple[str, dict[str, Column]]:
    """Return the definition of a row view as PostgreSQL spells it, without its semicolon, and its columns."""
    return read_back(connection, view.select(days=not view.own_zones))


def read_back(connection: Connection, select: str) -> tuple[str, dict[str, Column]]:
    """Return a SELECT as PostgreSQL spells it, without its semicolon, and its columns; it may hold author's text."""
    with attempt(connection):
        run_author_text(connection, f"CREATE TEMP VIEW {VIEW} AS {select}")
        oid = value(connection, "SELECT %s::regclass::oid::bigint", f"pg_temp.{VIEW}")
        text = value(connection, "SELECT pg_get_viewdef(%s::oid)", oid)
        return text.strip().removesuffix(";"), columns_of(connection, oid)


def row_column(name: str, of: Expression) -> RowColumn:
    """Return how a proven declaration knows a column of the row view."""
    return RowColumn(name, of.type.name, of.nullable)
