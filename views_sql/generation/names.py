"""Names and values that stand in DDL.

Invariant: a name that is put into a statement has passed :func:`identifier` or :func:`quoted`; a value is quoted by
:func:`literal`, a body by :func:`dollar_quoted`.
"""

import re

from models.errors import CatalogError
from views_sql.loader import dollar_tag

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def identifier(name: str) -> str:
    """Return ``name`` if it may stand in DDL unquoted.

    :raises CatalogError: it is not a plain lower-case name.
    """
    if not _NAME.fullmatch(name):
        raise CatalogError(f"{name!r} is not a plain lower-case SQL name")
    return name


def with_schema(name: str) -> str:
    """Return a name with its own schema, or else with ours."""
    schema, _, plain = name.rpartition(".")
    return f"{identifier(schema or 'frontview')}.{identifier(plain)}"


def quoted(name: str) -> str:
    """Return a name of somebody else's, as the catalog spells it, as a quoted identifier.

    :raises CatalogError: PostgreSQL has no such name.
    """
    if not name or "\0" in name or len(name.encode()) > 63:
        raise CatalogError(f"{name!r} is not a name in PostgreSQL")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return ``text`` as an SQL string literal, whatever ``standard_conforming_strings`` says."""
    plain = "'" + text.replace("'", "''") + "'"
    return "E" + plain.replace("\\", "\\\\") if "\\" in text else plain


def dollar_quoted(text: str) -> str:
    """Return ``text`` between dollar quotes, whatever it holds."""
    tag = dollar_tag(text)
    return f"{tag}{text}{tag}"
