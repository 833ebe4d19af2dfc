"""What PostgreSQL says about one expression: its type, the columns it reads, and why its value is not the row's alone.

An expression is probed in two ways. A temporary view parses it, evaluates nothing, and shows by ``pg_depend`` what it
uses. Then it is the predicate of an index on an empty temporary table, twice, in two sessions that differ in everything
(:data:`SESSION_WEST`, :data:`SESSION_EAST`): PostgreSQL refuses what is not immutable there, and a literal whose value
came from the session (``today``, an instant without its zone) has made two trees that differ.

The two places have different brackets, so a text that is accepted by both cannot close either.
"""

from dataclasses import dataclass

import psycopg

from views_sql.proof import origins, session_dependence, spelling_errors
from views_sql.proof.columns import Column, columns_of
from views_sql.proof.findings import Place
from views_sql.proof.nullability import never_null
from views_sql.proof.raising import may_raise
from views_sql.proof.session import (
    SESSION_EAST,
    SESSION_WEST,
    Connection,
    attempt,
    inner,
    quoted,
    run_author_text,
    set_locally,
    value,
)
from views_sql.proof.tables import Table
from views_sql.proof.value_types import ValueType

VIEW = "frontview_probe_view"
COPY = "frontview_probe_copy"
INDEX = "frontview_probe_index"
RULE = "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = %s::regclass"
TREE = "SELECT indpred::text FROM pg_index WHERE indexrelid = %s::regclass"
DEPARSED = "SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = %s::regclass"


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression over one row that PostgreSQL has accepted.

    :param text: SQL: a column's quoted name, or what the author wrote; to be put in parentheses.
    :param column: the column that it is, if it is exactly one.
    :param reads: names of the columns of the table that its value depends on.
    :param trusted: functions outside pg_catalog that it calls, with their arguments' types.
    """

    text: str
    type: ValueType
    column: Column | None
    nullable: bool
    domain: bool
    reads: tuple[str, ...]
    trusted: tuple[str, ...] = ()

    @property
    def spelled(self) -> str:
        """How a sentence names it."""
        return self.column.name if self.column else self.text


@dataclass(frozen=True, slots=True)
class Probe:
    """Probes expressions over one table, in an open transaction.

    :param fails: what ends with an error that an expression raises on some row.
    """

    connection: Connection
    table: Table
    zone: str
    trust: tuple[str, ...] = ()
    fails: str = "each refresh"

    def expression(self, declared: str, place: Place) -> Expression | None:
        """Return what PostgreSQL says about an expression, or None after a fault was added."""
        column = self.table.columns.get(declared)
        text = quoted(column.name) if column else declared
        try:
            with attempt(self.connection):
                return self._parsed(text, column, place)
        except psycopg.Error as error:
            if session_lost(error):
                raise
            place.refuse(spelling_errors.sentence(error, self.table))
            return None

    def _parsed(self, text: str, column: Column | None, place: Place) -> Expression | None:
        run_author_text(self.connection, f"CREATE TEMP VIEW {VIEW} AS SELECT {inner(text)} AS x FROM {self.table.sql}")  # nosec B608  # the author's text goes as one expression, by the extended protocol
        relation = value(self.connection, "SELECT %s::regclass::oid::bigint", f"pg_temp.{VIEW}")
        shown = columns_of(self.connection, relation)
        if list(shown) != ["x"]:
            place.refuse("is more than one expression")
            return None
        tree = value(self.connection, RULE, f"pg_temp.{VIEW}")
        found = origins.of_view(self.connection, relation, self.table, self.trust, place)
        culprits = session_dependence.sentences(self.connection, tree, self.zone)
        for sentence in culprits:
            place.refuse(sentence)
        if other := _no_columns(tree):
            place.refuse(other)
        nullable = True  # Of a column too: DROP NOT NULL asks no view.
        if found is None or culprits or other:
            return None
        if column is None:
            if (accepted := self._immutable(text, place)) is None:
                return None
            nullable = not never_null(accepted)
        of = shown["x"]
        return Expression(text, of.type, column, nullable, of.domain, found.columns, found.trusted)

    def _immutable(self, text: str, place: Place) -> str | None:
        """Return the parse tree of an expression whose value is the row's alone; otherwise a fault was added."""
        with attempt(self.connection):
            self.connection.execute(f"CREATE TEMP TABLE {COPY} (LIKE {self.table.sql})")
            west, deparsed = self._tree(text, SESSION_WEST)
            east, _ = self._tree(text, SESSION_EAST)
        if west != east:
            place.refuse(session_dependence.LITERAL)
            return None
        for warning in may_raise(self.connection, west, deparsed, self.fails):
            place.warn(warning)
        return west

    def _tree(self, text: str, session: dict[str, str]) -> tuple[str, str]:
        """Return the parse tree of an expression in some session, and PostgreSQL's own text of it."""
        with attempt(self.connection):
            set_locally(self.connection, session)
            run_author_text(
                self.connection,
                f"CREATE INDEX {INDEX} ON {COPY} ((1)) WHERE (CASE WHEN true THEN (\n{text}\n) END IS NOT NULL)",
            )
            index = f"pg_temp.{INDEX}"
            return value(self.connection, TREE, index), value(self.connection, DEPARSED, index)


def _no_columns(tree: str) -> str | None:
    """Return why some variable of a parse tree is no column of the table."""
    if ":varattno 0 " in tree:
        return "uses the whole row: nothing says which columns it reads; name the columns"
    if ":varattno -" in tree:
        return "uses a system column, which changes without the row's own change: name a column of the table"
    return None


def session_lost(error: psycopg.Error) -> bool:
    """Return whether an error is not the author's: the connection, a lock, a limit of time, a missing right."""
    return error.sqlstate is None or error.sqlstate[:2] in {"08", "25", "40", "53", "55", "57", "58"} or (
        error.sqlstate == "42501"
    )  # fmt: skip
