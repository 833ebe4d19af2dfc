"""One label of a dimension, or the facts of users: columns of a row that a key identifies."""

from views_sql.declaration.application import UserTable
from views_sql.declaration.dashboards import LabelledDimension
from views_sql.declaration.proven import ProvenFacts, ProvenLabel, RowColumn
from views_sql.declaration.references import label_columns, label_table
from views_sql.proof import keys, rights
from views_sql.proof.columns import Column
from views_sql.proof.expressions import Expression, Probe
from views_sql.proof.findings import Place
from views_sql.proof.indexes import advise_indexes
from views_sql.proof.keys import Users
from views_sql.proof.session import Connection
from views_sql.proof.shown import FAILS, check_shown, shown_rows
from views_sql.proof.tables import Table, find_table, no_column

FACTS = "facts"  # The name of their source.


def judge_label(connection: Connection, declared: LabelledDimension, users: Users, place: Place) -> ProvenLabel | None:
    """Return what is proven of a label, or None after faults were added; in an open transaction."""
    before = len(place.findings.faults)
    table = find_table(connection, label_table(declared), place / "label")
    if table is None:
        return None
    rights.check_owner(connection, table, place / "label")
    key = keys.key_column(connection, declared.key, table, place / "key", "label")
    user = _user(connection, declared, table, users, place)
    columns = _columns(connection, declared, table, place)
    if key is None or len(place.findings.faults) > before:
        return None
    if user is None:
        why = "shared = true" if declared.shared else "no column says whose its rows are"
        place.warn(f"a change of {table.spelled} concerns every user, whose answers are all computed again: {why}")
    elif declared.all:
        advise_indexes(connection, table, user, None, place)
    of_key = Probe(connection, table, users.zone).expression(key.name, place / "key")
    if of_key is None:
        return None
    named = {f"l_{name}": of for name, of in columns.items()}
    rows = shown_rows(connection, declared.name, table, user, {"label_key": of_key} | named, (), place)
    shown = tuple(RowColumn(name, of.type.name, of.nullable) for name, of in columns.items())
    return ProvenLabel(declared.name, rows.source, rows.select, shown, key.type.name, declared.all) if rows else None


def _user(
    connection: Connection, declared: LabelledDimension, table: Table, users: Users, place: Place
) -> Column | None:
    """Return the column that says whose a row is; None: all users see its label, or a fault was added."""
    named = declared.user
    if named is None and not declared.shared and (users.table is None or users.table.oid != table.oid):
        found = keys.references(connection, table, users)
        if len(found) > 1:
            place.refuse(
                f"{table.spelled} has several foreign keys to the table of users; name one with user = "
                f'"{found[0]}" (there are {", ".join(found)}), or show the rows to everybody with shared = true'
            )
            return None
        named = found[0] if found else None
    if named is not None:
        user = keys.user_column(connection, named, table, users, place / "user")
        if user is not None:
            users.keys.append((user, place / "user"))
        return user
    if declared.all:
        (place / "all").refuse(f"no column of {table.spelled} says whose its rows are; name one with user")
    return None


def _columns(connection: Connection, declared: LabelledDimension, table: Table, place: Place) -> dict[str, Expression]:
    probe, found = Probe(connection, table, "UTC"), {}
    for number, (spelling, name) in enumerate(label_columns(declared).items()):
        at = place / f"label[{number}]"
        if spelling not in table.columns:
            at.refuse(no_column(table, spelling))
        elif (of := probe.expression(spelling, at)) and check_shown(connection, of, at):
            found[name] = of
    return found


def judge_facts(connection: Connection, declared: UserTable, users: Users, place: Place) -> ProvenFacts | None:
    """Return what is proven of the facts of users, or None after faults were added; in an open transaction."""
    if users.table is None or users.key is None:
        return None
    before, columns = len(place.findings.faults), {}
    probe = Probe(connection, users.table, users.zone, fails=FAILS)
    for name, text in declared.facts.items():
        if (of := probe.expression(text, place / name)) and check_shown(connection, of, place / name):
            columns[name] = of
    if len(place.findings.faults) > before:
        return None
    named = {f"f_{name}": of for name, of in columns.items()}
    rows = shown_rows(connection, FACTS, users.table, users.key, named, (), place)
    shown = tuple(RowColumn(name, of.type.name, of.nullable) for name, of in columns.items())
    return ProvenFacts(rows.source, rows.select, shown) if rows else None
