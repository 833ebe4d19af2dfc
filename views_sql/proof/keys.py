"""The user key: a column that the catalog proves unique among users, and the column of a view that holds it."""

from dataclasses import dataclass

from views_sql.declaration.application import UserTable
from views_sql.declaration.proven import KeyKind, Watched
from views_sql.proof.columns import Column
from views_sql.proof.findings import Place
from views_sql.proof.nearest import there_are
from views_sql.proof.session import Connection, quoted, rows
from views_sql.proof.tables import Table, no_column
from views_sql.proof.value_types import TEXTS, key_kind, why_no_key
from views_sql.proof.zones import Zones

PRIMARY_KEY = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = %s AND i.indisprimary AND i.indnkeyatts = 1
"""
UNIQUE = """
SELECT i.indexrelid::regclass::text, i.indisvalid AND i.indisready, i.indimmediate, i.indpred IS NULL
FROM pg_index i
WHERE i.indrelid = %s AND i.indisunique AND i.indexprs IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = %s
ORDER BY i.indisvalid AND i.indisready AND i.indimmediate AND i.indpred IS NULL DESC
"""
FOREIGN_KEYS = """
SELECT DISTINCT a.attname FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.conrelid = %s AND k.confrelid = %s AND cardinality(k.conkey) = 1 AND k.confkey[1] = %s
ORDER BY a.attname
"""
INSTALLED = """
SELECT format_type(typbasetype, -1) FROM pg_type
WHERE typname = 'user_key' AND typnamespace = to_regnamespace('frontview')
"""
KIND_OF_INSTALLED = {"bigint": "integer", "text": "text", "uuid": "uuid"}


@dataclass(frozen=True, slots=True)
class UserName:
    """How users are called: the deparsed SELECT of keys and names, and the columns that a name depends on."""

    select: str
    watched: tuple[Watched, ...]


@dataclass(frozen=True, slots=True)
class Users:
    """Whose views these are.

    :param zone: whose days are counted, or of users who have no zone of their own.
    :param zone_column: with each user's own zone, if one is declared and there.
    :param keys: every column of a user key that was found, with its place.
    :param expected: a table of users is declared, whether it was found or not.
    :param name: None: no name is declared, or none was accepted.
    """

    table: Table | None
    key: Column | None
    zone: str
    zones: Zones
    keys: list[tuple[Column, Place]]
    expected: bool
    name: UserName | None = None
    zone_column: Column | None = None


def user_key(connection: Connection, declared: UserTable, users: Table, place: Place) -> Column | None:
    """Return the column of the table of users that identifies a user, or None after faults were added."""
    return key_column(connection, declared.key, users, place, "user")


def key_column(connection: Connection, name: str | None, table: Table, place: Place, of: str) -> Column | None:
    """Return the column that identifies a row, or None after faults were added.

    :param name: None: its primary key, if that is one column.
    :param of: what a row of the table is.
    """
    if name is None:
        primary = rows(connection, PRIMARY_KEY, table.oid)
        if not primary:
            place.refuse(f"{table.spelled} has no primary key of one column; name the column that identifies a {of}")
            return None
        name = primary[0][0]
    column = table.columns.get(name)
    if column is None:
        place.refuse(no_column(table, name))
        return None
    if _check_type(column, place, of):
        _check_unique(connection, table, column, place, of)
    return column


def _check_type(column: Column, place: Place, of: str = "user") -> bool:
    """Return whether a column may hold keys; otherwise a fault was added."""
    if column.generated == "v":
        place.refuse(f"{column.name} is a virtual generated column, which triggers see as NULL; use its expression")
    elif key_kind(column.type) is None:
        place.refuse(f"{column.name} {_why(column, of)}")
    else:
        return True
    return False


def _why(column: Column, of: str) -> str:
    reason = why_no_key(column.type, of)
    return f"may be no {of} key: {reason}" if column.type.base in TEXTS else reason


def _check_unique(connection: Connection, table: Table, column: Column, place: Place, of: str) -> None:
    indexes = rows(connection, UNIQUE, table.oid, column.number)
    name = quoted(column.name)
    if table.kind == "inherited":
        place.refuse(f"{table.spelled} has children by inheritance, over which no unique index reaches")
    elif not indexes:
        place.refuse(f"{column.name} has no unique index of its own: a {of} twice would double every number")
        concurrently = "CONCURRENTLY " if table.kind == "plain" else ""
        place.findings.advise(
            f"CREATE UNIQUE INDEX {concurrently}ON {table.sql} ({name});",
            f"so that {column.name} identifies a {of}",
        )
    elif not all(indexes[0][1:]):
        index, valid, immediate, _ = indexes[0]
        kind = "is not valid" if not valid else "is deferrable" if not immediate else "holds a part of the rows"
        place.refuse(f"the unique index {index} of {column.name} {kind}: a {of} could be there twice; make a plain one")
    if column.nullable:
        place.refuse(f"{column.name} may be NULL: a {of} key never is")
        place.findings.advise(f"ALTER TABLE {table.sql} ALTER COLUMN {name} SET NOT NULL;", f"a {of} key is never NULL")


def user_column(connection: Connection, named: str | None, table: Table, users: Users, place: Place) -> Column | None:
    """Return the column of a view's table that holds the user key, or None after a fault was added."""
    if named is None:
        named = _only_reference(connection, table, users, place)
        if named is None:
            return None
    column = table.columns.get(named)
    if column is None:
        place.refuse(no_column(table, named))
        return None
    return column if _check_type(column, place) else None


def _only_reference(connection: Connection, table: Table, users: Users, place: Place) -> str | None:
    """Return the column of the only foreign key to the table of users; of that table itself, its key."""
    if not users.expected:
        place.refuse(f"name the column of {table.spelled} that holds the user key: no [user].table is declared")
    if users.table is None or users.key is None:
        return None  # Why is a fault of its own.
    if table.oid == users.table.oid:
        return users.key.name
    found = references(connection, table, users)
    if len(found) == 1:
        return found[0]
    to = f"to {users.table.spelled}.{users.key.name}"
    if found:
        place.refuse(f"{table.spelled} has several foreign keys {to}; name one of {', '.join(found)}")
    else:
        may_hold = [column.name for column in table.columns.values() if key_kind(column.type)]
        guess = there_are(f"{users.table.name}_{users.key.name}", may_hold)
        place.refuse(f"{table.spelled} has no foreign key of one column {to}; name the column of the user{guess}")
    return None


def references(connection: Connection, table: Table, users: Users) -> list[str]:
    """Return the columns of a table's foreign keys to the table of users; none if that is not known."""
    if users.table is None or users.key is None:
        return []
    return [str(row[0]) for row in rows(connection, FOREIGN_KEYS, table.oid, users.table.oid, users.key.number)]


def agree(connection: Connection, columns: list[tuple[Column, Place]]) -> KeyKind | None:
    """Return the one kind of all user keys, of the installed ones too; refuse the columns of another kind."""
    installed = rows(connection, INSTALLED)
    expected = KIND_OF_INSTALLED.get(installed[0][0]) if installed else None
    given = expected is not None
    agreed: KeyKind | None = None
    for column, place in columns:
        kind = key_kind(column.type)
        expected = expected or kind
        if kind and kind != expected:
            other = "Frontview was installed here with" if given else "the other user keys are of"
            place.refuse(
                f"{column.name} is a key of kind {kind}, but {other} the kind {expected}: one installation has one "
                "(integers of any width are one kind, text and varchar another, uuid a third)"
            )
        else:
            agreed = agreed or kind
    return agreed
