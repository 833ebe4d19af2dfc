"""Names and values that stand in DDL.

Invariant: a name that is put into a statement has passed :func:`identifier` or :func:`quoted`; a value is quoted by
:func:`literal`.
"""

import re

from models.errors import CatalogError

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def identifier(name: str) -> str:
    """Return ``name`` if it may stand in DDL unquoted.

    :raises CatalogError: it is not a plain lower-case name.
    """
    if not _NAME.fullmatch(name):
        raise CatalogError(f"{name!r} is not a plain lower-case SQL name")
    return name


def table_name(name: str) -> str:
    """Return a table's name with its schema, ``public`` when none is given."""
    return with_schema(name, "public")


def with_schema(name: str, schema: str = "frontview") -> str:
    """Return a name with its own schema, or else with ``schema``."""
    given, _, plain = name.rpartition(".")
    return f"{identifier(given or schema)}.{identifier(plain)}"


def quoted(name: str) -> str:
    """Return any name of the catalog in quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return ``text`` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
