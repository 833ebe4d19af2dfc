"""Which texts are too long for a key, in which all dimensions of a view share the room.

Invariant: a row of an index has room for all dimensions of any row.
"""

from views_sql.declaration.proven import ProvenView, RowColumn

# Of the 2,700 bytes of an index's row; the user's key may have 1,020, and the rest is for what is no text.
BYTES_OF_TEXTS = 1_600
MOST_BYTES = 500
NEVER_LONG = 25  # Characters of four bytes each; twice as many texts than any view has find room.


def longest_bytes(view: ProvenView) -> int:
    """Return how many bytes a text in a key may have; all dimensions and a counted value share the room."""
    texts = sum(map(may_be_long, view.dimensions.values())) + 1
    return min(MOST_BYTES, BYTES_OF_TEXTS // texts)


def may_be_long(column: RowColumn) -> bool:
    """Return whether a column may hold a text that is too long for a key."""
    kind, _, limit = column.type.partition("(")
    return kind == "text" or (kind == "character varying" and not 0 < int(limit.strip(")") or 0) <= NEVER_LONG)
