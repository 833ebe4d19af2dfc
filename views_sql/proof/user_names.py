"""How a user is called: an expression over the user's row, as part of the view of users."""

from views_sql.declaration.application import UserTable
from views_sql.proof.expressions import Probe
from views_sql.proof.findings import Place
from views_sql.proof.keys import UserName, Users
from views_sql.proof.row_view import read_back
from views_sql.proof.session import Connection, inner, quoted
from views_sql.proof.sources import watched_columns

TEXTS = frozenset({"text", "varchar", "bpchar", "name"})


def user_name(connection: Connection, declared: UserTable, of: Users, place: Place) -> UserName | None:
    """Return how users are called, or None after a fault was added; their table and key are there."""
    users, key = of.table, of.key
    if users is None or key is None:
        return None
    name = Probe(connection, users, declared.zone.default).expression(declared.name or "", place)
    if name is None:
        return None
    if name.type.base not in TEXTS and not name.type.name.endswith("citext"):
        place.refuse(f"{name.spelled} is of type {name.type.name}: a name is a text; write one, with || for its parts")
        return None
    text = f"{inner(name.text)}::text"
    zone = f', {quoted(of.zone_column.name)}::text COLLATE "default" AS zone_name' if of.zone_column else ""
    select = f"SELECT {quoted(key.name)} AS user_key, {text} AS name{zone} FROM {users.sql}"  # nosec B608  # the author's text goes as one expression, by the extended protocol
    return UserName(read_back(connection, select)[0], watched_columns(users, name.reads))
