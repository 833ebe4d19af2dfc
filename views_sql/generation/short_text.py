"""Texts in keys: whole, or what stands for one that is too long for an index.

Invariant: a row of an index has room for all dimensions of any row, so no value stops a view's refreshes. What stands
for a long text is short itself, and stands for itself: a filter takes the text as well as what is shown of it.
"""

from collections.abc import Iterable, Mapping

from views_sql.declaration.long_texts import longest_bytes, may_be_long
from views_sql.declaration.proven import ProvenView, RowColumn
from views_sql.generation.names import identifier

_DIGEST_BYTES = 64
_BETWEEN = "..."


def shortened(view: ProvenView, column: RowColumn, value: str) -> str:
    """Return the expression of a value as it stands in a key, if its type may be a text that is too long."""
    return _shortened(value, longest_bytes(view)) if may_be_long(column) else value


def _shortened(value: str, most: int) -> str:
    start = (most - _DIGEST_BYTES - len(_BETWEEN)) // 4
    digest = f"encode(sha256(convert_to({value}, 'UTF8')), 'hex')"
    return (
        f"CASE WHEN octet_length({value}) <= {most} THEN {value}::text"
        f""" ELSE "left"({value}, {start}) || '{_BETWEEN}' || {digest} END"""
    )


def forms(views: Iterable[ProvenView], column: RowColumn, value: str) -> list[str]:
    """Return the expressions of a value as it is, and as it stands in keys of these views."""
    mosts = dict.fromkeys(map(longest_bytes, views)) if may_be_long(column) else ()
    return [value, *(_shortened(value, most) for most in mosts)]


def shortened_filters(heeding: Mapping[str, Iterable[ProvenView]]) -> str:
    """Return the statements that add to the texts that a read asks for what stands for them.

    :param heeding: of each dimension that has a filter, the views whose rows pass it.
    """
    found = ""
    for name, them in heeding.items():
        views = tuple(them)
        more = forms(views, views[0].dimensions[name], "u.v")[1:] if views else []
        if more:
            found += (
                f"\n    IF octet_length(f_{identifier(name)}::text) > {min(map(longest_bytes, views))} THEN\n"
                f"        f_{name} := f_{name} || ARRAY("
                f"SELECT unnest(ARRAY[{', '.join(more)}]) FROM unnest(f_{name}) u (v));\n    END IF;"  # nosec B608  # names are checked
            )
    return found
