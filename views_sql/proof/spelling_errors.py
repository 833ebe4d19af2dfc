"""PostgreSQL's own errors about an author's expression, as sentences with a way out."""

import re

import psycopg

from views_sql.proof.nearest import there_are
from views_sql.proof.tables import Table

ONE_ROW = frozenset({"42803", "42P20", "0A000"})  # Aggregates; windows; subqueries and functions that return sets
PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def sentence(error: psycopg.Error, table: Table) -> str:
    """Return what is wrong with an expression that PostgreSQL refused."""
    said = error.diag.message_primary or str(error)
    said = said.split(" at or near ")[0] if "\n" in said else said  # It would show what is put around the expression.
    if error.sqlstate in ONE_ROW:
        return f"is no expression over one row ({said}): no aggregates, windows, subqueries or functions of sets"
    if error.sqlstate == "42703" and (name := _quoted_name(said)):
        return _column(name, table)
    if error.sqlstate == "42883":
        return f"{said}; a function outside pg_catalog needs its schema, and its name in trust"
    if error.sqlstate == "42601" and "multiple commands" in said:
        return "is more than one statement: an expression over one row is expected"
    if error.sqlstate == "42P17":
        return (
            f"is not immutable ({said}): a cast to or from text may depend on the session; "
            "a date or an enum may be a dimension as it is"
        )
    return f"PostgreSQL says: {said}"


def of_select(error: psycopg.Error) -> str:
    """Return what is wrong with a SELECT that PostgreSQL refused."""
    said = error.diag.message_primary or str(error)
    if error.sqlstate == "42601" and "multiple commands" in said:
        return "holds more than one statement: one SELECT is expected"
    if error.sqlstate == "42P01":
        return f'PostgreSQL says: {said}; tables are written with their schema, public."Order"'
    if error.sqlstate == "42883":
        return f"{said}; a function outside pg_catalog needs its schema, and its name in trust"
    return f"PostgreSQL says: {said}; one SELECT is expected"


def _quoted_name(said: str) -> str | None:
    found = re.search(r'["«“](.+?)["»”]', said) or re.search(r"column (\S+) ", said)
    return found.group(1) if found else None


def _column(name: str, table: Table) -> str:
    for known in table.columns:
        if known.lower() == name.lower() and known != name:
            return f'there is no column {name} in {table.spelled}; in SQL write "{known}" in double quotes'
    return f"there is no column {name} in {table.spelled}{there_are(name, table.columns)}"
