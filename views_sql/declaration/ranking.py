"""By what groups and rows can be ordered: numbers and times, whatever says so.

Invariant: what a check accepts, a function orders by and the documentation offers is decided here alone.
"""

NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_TIMES = ("date", "timestamp", "interval")
_OF_ITS_TYPE = frozenset({"min", "max", "percentile"})


def is_number(type_name: str) -> bool:
    """Return whether a type, as ``format_type`` prints it, is one of numbers."""
    return type_name.partition("(")[0] in NUMBERS


def ranks(verb: str, type_name: str) -> bool:
    """Return whether groups are ordered by a measure.

    :param type_name: of its argument.
    """
    return verb not in _OF_ITS_TYPE or is_number(type_name) or type_name.startswith(_TIMES)
