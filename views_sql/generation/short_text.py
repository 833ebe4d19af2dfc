"""Texts in keys: whole, or what stands for one that is too long for an index.

Invariant: a row of an index has room for all dimensions of any row, so no value stops a view's refreshes. What stands
for a long text is short itself, and stands for itself: a filter takes the text as well as what is shown of it.
"""

from collections.abc import Container

from views_sql.declaration.proven import ProvenView, RowColumn
from views_sql.generation.names import identifier

# Of the 2,700 bytes of an index's row; the user's key may have 1,020, and the rest is for what is no text.
BYTES_OF_TEXTS = 1_600
MOST_BYTES = 500
NEVER_LONG = 25  # Characters of four bytes each; twice as many texts than any view has find room.
_DIGEST_BYTES = 64
_BETWEEN = "..."


def shortened(view: ProvenView, column: RowColumn, value: str) -> str:
    """Return the expression of a value as it stands in a key, if its type may be a text that is too long."""
    if not _may_be_long(column):
        return value
    most = longest_bytes(view)
    start = (most - _DIGEST_BYTES - len(_BETWEEN)) // 4
    digest = f"encode(sha256(convert_to({value}, 'UTF8')), 'hex')"
    return (
        f"CASE WHEN octet_length({value}) <= {most} THEN {value}::text"
        f""" ELSE "left"({value}, {start}) || '{_BETWEEN}' || {digest} END"""
    )


def longest_bytes(view: ProvenView) -> int:
    """Return how many bytes a text in a key may have; all dimensions and a counted value share the room."""
    texts = sum(map(_may_be_long, view.dimensions.values())) + 1
    return min(MOST_BYTES, BYTES_OF_TEXTS // texts)


def shortened_filters(view: ProvenView, only: Container[str] | None = None) -> str:
    """Return the statements that shorten the texts that a read asks for.

    :param only: the dimensions that have a filter; None: all.
    """
    return "".join(
        f"\n    IF octet_length(f_{identifier(name)}::text) > {longest_bytes(view)} THEN\n"
        f"        f_{name} := ARRAY(SELECT {shortened(view, column, 'u.v')} FROM unnest(f_{name}) u (v));\n    END IF;"  # nosec B608  # names are checked
        for name, column in view.dimensions.items()
        if _may_be_long(column) and (only is None or name in only)
    )


def _may_be_long(column: RowColumn) -> bool:
    kind, _, limit = column.type.partition("(")
    return kind == "text" or (kind == "character varying" and not 0 < int(limit.strip(")") or 0) <= NEVER_LONG)
