"""The values by which a dimension is filtered: parsed by PostgreSQL's type of the dimension.

Invariant: a value has exactly one accepted spelling, but a decimal's trailing zeros, which its parser removes.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from web.http.parameters import parse_date

LONGEST_TEXT = 1_000
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BITS = {"smallint": 16, "integer": 32, "bigint": 64}


@dataclass(frozen=True, slots=True)
class FilterKind:
    """Values of one type.

    :param parse: returns the value that a text spells; raises ValueError.
    :param schema: the JSON schema of a value.
    """

    parse: Callable[[str], Hashable]
    schema: dict[str, Any]


def filter_kind(sql_type: str) -> FilterKind:
    """Return how values of a dimension are written; of an enum, only the database knows which there are.

    :param sql_type: as ``format_type`` prints it.
    """
    kind = sql_type.partition("(")[0]
    if kind in _BITS:
        least, greatest = -(2 ** (_BITS[kind] - 1)), 2 ** (_BITS[kind] - 1) - 1
        bounds = {"type": "integer", "minimum": least, "maximum": greatest}
        return FilterKind(lambda text: _integer(text, least, greatest), bounds)
    return _KINDS.get(kind, _TEXT)


def _integer(text: str, least: int, greatest: int) -> int:
    if not _INTEGER.fullmatch(text) or not least <= (value := int(text)) <= greatest:
        raise ValueError(f"expected a whole number from {least} to {greatest}")
    return value


def parse_flag(text: str) -> bool:
    """Return a boolean.

    :raises ValueError: the text is neither ``true`` nor ``false``.
    """
    if text not in ("true", "false"):
        raise ValueError("expected true or false")
    return text == "true"


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValueError("expected a decimal number")
    plain = text.rstrip("0").rstrip(".") if "." in text else text
    return Decimal("0" if plain in ("-0", "") else plain)


def _uuid(text: str) -> UUID:
    if not _UUID.fullmatch(text):
        raise ValueError("expected a UUID, in lower case and with dashes")
    return UUID(text)


def _day(text: str) -> date:
    return parse_date(text)


def _text(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"expected at most {LONGEST_TEXT} characters")
    if "\0" in text:
        raise ValueError("expected a text without the character zero")
    return text


_TEXT = FilterKind(_text, {"type": "string", "maxLength": LONGEST_TEXT, "pattern": r"^[^\u0000]*$"})
_KINDS = {
    "boolean": FilterKind(parse_flag, {"type": "boolean"}),
    "uuid": FilterKind(_uuid, {"type": "string", "format": "uuid", "pattern": f"^{_UUID.pattern}$"}),
    "date": FilterKind(_day, {"type": "string", "format": "date"}),
    "numeric": FilterKind(_decimal, {"type": "string", "pattern": f"^({_DECIMAL.pattern})$"}),
}
