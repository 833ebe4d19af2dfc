"""Names, texts and amounts as a file may write them; each function returns its value or raises a sentence."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import ValidationInfo

LONGEST_NAME = 40
# fmt: off
RESERVED = frozenset({
    "from", "to", "granularity", "group_by", "measures", "order", "limit", "other", "compare", "user_id",
    "period", "previous", "change", "current", "rows", "totals", "truncated", "sparkline", "live", "meta", "data",
    "events",
})
# fmt: on
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def name(text: str) -> str:
    """Return a name that may be declared."""
    if len(text) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters, and this one has {len(text):,}")
    if not _NAME.fullmatch(text):
        near = snake(text)
        hint = f", such as {near}" if _NAME.fullmatch(near) and near not in RESERVED else ""
        raise ValueError(f"a name begins with a letter and has only a to z, 0 to 9 and _{hint}")
    if text in RESERVED:
        raise ValueError(f"the name {text} is reserved for parameters and answers; choose another one")
    return text


def line(text: str) -> str:
    """Return a text of one line: a name in the database, a zone, a label."""
    if len(text) > 200:
        raise ValueError(f"at most 200 characters are possible, and these are {len(text):,}")
    return _printable(text, "")


def expression(text: str) -> str:
    """Return what may be an expression: a column's name, or SQL."""
    if len(text) > 4000:
        raise ValueError(f"an expression has at most 4,000 characters, and this one has {len(text):,}")
    return _printable(text, "\n\t\r")


def _printable(text: str, allowed: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    for character in text:
        if not character.isprintable() and character not in allowed:
            raise ValueError(f"the character U+{ord(character):04X} cannot stand here")
    return text


def claim(text: str) -> str:
    """Return the dotted path of a claim."""
    if not all(re.fullmatch(r"[^\s.]+", part) for part in line(text).split(".")):
        raise ValueError('expected the name of a claim, or a path of names with dots between, such as "account.id"')
    return text


def unit(text: str) -> str:
    """Return a unit; a currency has its ISO 4217 code."""
    if text.startswith("currency") and not re.fullmatch(r"currency:[A-Z]{3}", text):
        raise ValueError('a currency is written with its three capitals, such as "currency:EUR"')
    return line(text)


def script(text: str) -> str:
    """Return the path of an SQL file inside of the project, whose name ends in its version."""
    if not re.fullmatch(r"(?!.*(^|/)\.)[\w.-]+(/[\w.-]+)*\.sql", text, re.ASCII) or len(text) > 200:
        raise ValueError('expected the path of a file in the project, such as "sql/open_orders_v01.sql"')
    if not re.search(r"_v\d{2,3}\.sql$", text):
        raise ValueError(f'its name ends in its version: write "{text.removesuffix(".sql")}_v01.sql"')
    return text


def order(text: str) -> str:
    """Return the columns of an order, each with its direction."""
    for part in line(text).split(","):
        if not part.strip() or part.strip().lower() in {"asc", "desc"}:
            raise ValueError(
                'expected columns with asc or desc, separated by commas, such as "createdAt desc, id desc"'
            )
    return text


def ordered(text: str) -> list[tuple[str, bool]]:
    """Return the columns of an order, each with whether it descends."""
    found = []
    for part in text.split(","):
        column, _, direction = part.strip().rpartition(" ")
        if not column or direction.lower() not in {"asc", "desc"}:
            column, direction = part.strip(), "asc"
        found.append((column.strip(), direction.lower() == "desc"))
    return found


def snake(text: str) -> str:
    """Return a name in lower case for one with capitals or other characters; it may be none."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()).strip("_")


def duration(value: object, info: ValidationInfo) -> object:
    """Return seconds for a text such as ``10m``; a number is possible only where no file is read (no context)."""
    if not isinstance(value, str) and not info.context:
        return value
    text = value if isinstance(value, str) else ""
    if (found := re.fullmatch(r"([0-9]{1,9}) ?([smhd])", text)) is None:
        raise ValueError('expected a duration such as "90s", "10m", "2h" or "1d"')
    seconds = int(found[1]) * _SECONDS[found[2]]
    if not 1 <= seconds <= 7 * _SECONDS["d"]:
        raise ValueError("a duration is between 1s and 7d")
    return seconds


def size(value: object, info: ValidationInfo) -> object:
    """Return bytes for a text such as ``50 MB``; a number is possible only where no file is read (no context)."""
    if not isinstance(value, str) and not info.context:
        return value
    text = value if isinstance(value, str) else ""
    if (found := re.fullmatch(r"([0-9]{1,15}) ?(B|kB|MB|GB)", text)) is None:
        raise ValueError('expected a size such as "800 kB", "50 MB" or "2 GB"')
    size_bytes = int(found[1]) * _BYTES[found[2]]
    if not _BYTES["kB"] <= size_bytes <= 1000 * _BYTES["GB"]:
        raise ValueError("a size is between 1 kB and 1000 GB")
    return size_bytes


def nearest(text: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: the name that is most like ``text``, or else all names that are known."""
    known = sorted({it for it in known if _NAME.fullmatch(it) and len(it) <= LONGEST_NAME})
    if near := get_close_matches(text[:60].lower(), known, n=1):
        return f"did you mean {near[0]}?"
    return f"there {'is' if len(known) == 1 else 'are'} {', '.join(known) or 'none'}"
