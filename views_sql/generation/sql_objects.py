"""The DDL of a type, view or function whose whole text is in one file (no template), and of the schema they are in.

Invariant: EXECUTE is revoked from PUBLIC on every function, and nothing is dropped with CASCADE.
"""

import hashlib
import re

from models.errors import CatalogError
from models.user_key import kind_named
from views_sql.generation.names import identifier, literal
from views_sql.generation.rights import GRANT_RIGHTS, close
from views_sql.loader import read_sql

_CREATE = re.compile(r"^CREATE (TYPE|VIEW|FUNCTION) ", re.MULTILINE)


def fingerprint(text: str) -> str:
    """Return the short hash that the comment of an installed object carries."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def create_user_key(kind: str) -> list[str]:
    """Return the DDL of schema and user key domain.

    :param kind: ``integer``, ``uuid`` or ``text``.
    :raises ValueError: it is none of these.
    """
    return ["CREATE SCHEMA frontview", f"CREATE DOMAIN frontview.user_key AS {kind_named(kind).sql_type}"]


def drop_user_key() -> list[str]:
    """Return the DDL that removes domain and schema."""
    return ["DROP DOMAIN frontview.user_key", "DROP SCHEMA frontview"]


def create_sql_object(name: str, version: int) -> list[str]:
    """Return the DDL in one file, then a comment with the file's fingerprint, and who may use the object."""
    text = read_sql(name, version)
    comment = literal(f"frontview {name} version {version} {fingerprint(text)}")
    kind = _kind(text)
    statements = [text, f"COMMENT ON {kind} frontview.{identifier(name)} IS {comment}"]
    return statements if kind != "FUNCTION" else [*statements, close(name), GRANT_RIGHTS]


def drop_sql_object(name: str, version: int) -> list[str]:
    """Return the DDL that drops one object; its name is unique in the schema."""
    return [f"DROP {_kind(read_sql(name, version))} frontview.{identifier(name)}"]


def _kind(text: str) -> str:
    """Return TYPE, VIEW or FUNCTION, whichever the file creates."""
    found = _CREATE.search(text)
    if found is None:
        raise CatalogError("an SQL file of an object begins with CREATE TYPE, VIEW or FUNCTION")
    return found.group(1)
