"""Types of values: which may be keys, dimensions, sums or extremes, and how to spell others.

Invariant: of two values that a stored view takes for equal, both answer the same text. So types with equal values that
differ (``1.0`` and ``1.00``, capitals of citext, blanks of char) are no keys, dimensions or extremes.
"""

import math
from dataclasses import dataclass

from models.user_key import LONGEST_TEXT
from views_sql.declaration.proven import KeyKind, TimeKind

INTEGERS = frozenset({"int2", "int4", "int8"})
TEXTS = frozenset({"text", "varchar"})
FLOATS = frozenset({"float4", "float8"})
VARCHAR_HEADER = 4  # The modifier of varchar(n) is n + 4.
TIMES: dict[str, TimeKind] = {"date": "date", "timestamp": "timestamp", "timestamptz": "timestamptz"}
OF_ONE_SPELLING = INTEGERS | {"bool", "uuid", "date"}
ORDERED = INTEGERS | {"date", "timestamp", "timestamptz", "time"}
IDENTICAL_WHEN_EQUAL = OF_ONE_SPELLING | {"timestamp", "timestamptz", "bytea"}
SORTED = ORDERED | FLOATS | TEXTS | {"bool", "uuid", "numeric"}  # By which a list may be ordered.
SUM_TYPES = {"int2": "bigint", "int4": "bigint", "int8": "numeric", "numeric": "numeric"}


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of a column or expression; of a domain, its base type.

    :param name: as ``format_type`` prints it, with its modifier.
    :param base: its name in pg_catalog, for example ``int4``; empty for types of other schemas.
    :param kind: ``typtype``: b, e (enum), c, r, m, p.
    :param modifier: -1: none declared.
    :param deterministic: its collation, if it has one, takes only identical texts for equal.
    """

    name: str
    base: str
    kind: str
    modifier: int
    deterministic: bool

    @property
    def scaled(self) -> bool:
        """Whether it is a numeric with a declared scale."""
        return self.base == "numeric" and self.modifier >= 0

    @property
    def text(self) -> bool:
        """Whether it is text of a deterministic collation."""
        return self.base in TEXTS and self.deterministic

    @property
    def characters(self) -> float:
        """The most characters that a text may have, infinite without a declared limit."""
        return self.modifier - VARCHAR_HEADER if self.modifier >= VARCHAR_HEADER else math.inf

    @property
    def long(self) -> bool:
        """Whether it is a text that may be longer than a user key is."""
        return self.base in TEXTS and self.characters > LONGEST_TEXT

    @property
    def groups(self) -> bool:
        """Whether values may be dimensions or counted as distinct."""
        return self.base in OF_ONE_SPELLING or self.kind == "e" or self.text or self.scaled

    @property
    def ordered(self) -> bool:
        """Whether ``min`` and ``max`` have one answer."""
        return self.base in ORDERED or self.kind == "e" or self.text or self.scaled

    @property
    def sorted(self) -> bool:
        """Whether a list may be ordered by it, with PostgreSQL's own operators."""
        return self.base in SORTED or self.kind == "e"

    @property
    def compared_as_text(self) -> bool:
        """Whether a change is found in its text: its equality misses a difference, or there is none.

        A float's text depends on the session's ``extra_float_digits``; its binary image is compared.
        """
        return not (self.base in IDENTICAL_WHEN_EQUAL | FLOATS or self.kind == "e" or self.text)


def key_kind(of: ValueType) -> KeyKind | None:
    """Return the kind of user key, or None if a type may hold none."""
    if of.base in INTEGERS:
        return "integer"
    if of.text:
        return "text"
    return "uuid" if of.base == "uuid" else None


def why_no_key(of: ValueType, key_of: str = "user") -> str:
    """Return why a type may hold no key."""
    if of.base in TEXTS:
        return "its collation is nondeterministic: several spellings of one key would escape invalidation"
    return f"is of type {of.name}: a {key_of} key is an integer, a uuid, or text of a deterministic collation"


def kind_of_name(name: str) -> KeyKind | None:
    """Return the kind of key that values of a type are, whose name ``format_type`` has printed."""
    base = name.partition("(")[0]
    if base in {"smallint", "integer", "bigint"}:
        return "integer"
    if base in {"text", "character varying"}:
        return "text"
    return "uuid" if base == "uuid" else None


def group_spelling(of: ValueType, sql: str) -> str | None:
    """Return how to spell an expression so that it may be a dimension, if there is a usual way."""
    if of.base == "numeric" or of.base in FLOATS:
        return f"{sql}::numeric(18,2)"
    if of.base in TEXTS:
        return f'{sql} COLLATE "C"'
    if of.base == "bpchar" or of.name.endswith("citext"):
        return f"{sql}::text"
    if of.base in {"json", "jsonb"}:
        return f"{sql} ->> 'field'"
    return {"timestamp": f"{sql}::date", "timestamptz": f"({sql} AT TIME ZONE 'UTC')::date"}.get(of.base)


def sum_spelling(of: ValueType, sql: str) -> str | None:
    """Return how to spell an expression so that it may be summed, if there is a usual way."""
    if of.base in FLOATS or of.base == "money":
        return f"{sql}::numeric"
    return f"extract(epoch from {sql})" if of.base == "interval" else None
