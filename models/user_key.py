"""The kinds of user keys, and which of them a database has.

Invariant: a key has exactly one spelling, so equal keys are equal values in caches, patterns and rate limits. A kind
is fixed when the database is migrated for the first time; every process reads it there.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from models.connection import Connection
from models.errors import NotMigrated

UserKey: TypeAlias = int | str  # A UUID is a text, too: a text is hashed in a fifth of the time.

_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,18}")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1  # Of bigint.
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST_TEXT = 255
# Control characters end lines of logs and headers; PostgreSQL has no zero, and UTF-8 no lone surrogate.
_TEXT = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{LONGEST_TEXT}}}")
_BASE_TYPE = """
SELECT t.typbasetype::regtype::text FROM pg_catalog.pg_type t
WHERE t.typname = 'user_key' AND t.typtype = 'd' AND t.typnamespace = to_regnamespace('frontview')
"""


@dataclass(frozen=True, slots=True)
class UserKind(ABC):
    """What all user keys of one database are.

    :param name: as a project's ``USER_KEY`` and the admin API spell it.
    :param sql_type: the type that the domain ``frontview.user_key`` is made of.
    :param read_as: the SQL type in which queries return keys, so that the driver makes a :data:`UserKey` of each.
    :param examples: two keys, for the API's document.
    """

    name: str
    sql_type: str
    read_as: str
    examples: tuple[UserKey, UserKey]
    json_type: ClassVar[str] = "string"

    @property
    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a key."""

    @abstractmethod
    def parse(self, text: str) -> UserKey:
        """Return the key that ``text`` spells, in its one canonical form.

        :raises ValueError: it spells none.
        """

    def parse_json(self, value: object) -> UserKey:
        """Return the key that a JSON value is.

        :raises ValueError: it has another type, or is no key.
        """
        if not isinstance(value, str):
            raise ValueError("expected a user id, as a string")
        return self.parse(value)

    def parse_claim(self, value: object) -> UserKey:
        """Return the key that a token's claim holds, always as text (RFC 7519).

        :raises ValueError: it has another type, or is no key.
        """
        if not isinstance(value, str):
            raise ValueError("a user id in a token is a string")
        return self.parse(value)


class _Integer(UserKind):
    json_type: ClassVar[str] = "integer"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": self.json_type, "format": "int64", "minimum": _SMALLEST, "maximum": _LARGEST}

    def parse(self, text: str) -> UserKey:
        if not _DECIMAL.fullmatch(text) or not _SMALLEST <= (value := int(text)) <= _LARGEST:
            raise ValueError("a user id is a whole number of 64 bits")
        return value

    def parse_json(self, value: object) -> UserKey:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("expected a user id, as a number")
        if not _SMALLEST <= value <= _LARGEST:  # A text may be refused: Python writes no number of 4,301 digits.
            raise ValueError("a user id is a whole number of 64 bits")
        return value


class _Uuid(UserKind):
    @property
    def schema(self) -> dict[str, Any]:
        return {"type": self.json_type, "format": "uuid", "pattern": f"^{_UUID.pattern}$"}

    def parse(self, text: str) -> UserKey:
        if not _UUID.fullmatch(text):
            raise ValueError("a user id is a UUID, in lower case and with dashes")
        return text


class _Text(UserKind):
    @property
    def schema(self) -> dict[str, Any]:
        characters = r"^[^\u0000-\u001f\u007f-\u009f]+$"
        return {"type": self.json_type, "minLength": 1, "maxLength": LONGEST_TEXT, "pattern": characters}

    def parse(self, text: str) -> UserKey:
        if not _TEXT.fullmatch(text):
            raise ValueError(f"a user id is a text of 1 to {LONGEST_TEXT} characters without control characters")
        return text


INTEGER: UserKind = _Integer("integer", "bigint", "bigint", (7, 12))
UUID: UserKind = _Uuid(
    "uuid", "uuid", "text", ("0b6e7bb2-7f0c-4b5e-8f0a-1c2d3e4f5a6b", "5d1c4d6e-0d5b-4a39-9f3e-8a1f6b2c7d80")
)
TEXT: UserKind = _Text("text", "text", "text", ("cus_7", "cus_12"))
KINDS = {kind.name: kind for kind in (INTEGER, UUID, TEXT)}


def kind_named(name: str) -> UserKind:
    """Return the kind of that name.

    :raises ValueError: there is none.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise ValueError(f"{name!r} is no kind of user key; there are {', '.join(KINDS)}") from None


def read_user_kind(connection: Connection) -> UserKind:
    """Return the kind of the user keys in a database.

    :raises NotMigrated: it has none.
    """
    row = connection.execute(_BASE_TYPE).fetchone()
    kind = next((kind for kind in KINDS.values() if row is not None and kind.sql_type == row[0]), None)
    if kind is None:
        raise NotMigrated("it has no type frontview.user_key of a kind that this version knows.")
    return kind


def plain_key(value: object) -> UserKey:
    """Return a key as the driver gives it, which makes an object of a UUID."""
    return value if isinstance(value, int) else str(value)


def in_order(users: set[UserKey]) -> list[UserKey]:
    """Return keys of one kind in an order that is always the same: numbers by size, texts by code points."""
    return sorted(users, key=lambda user: (user if isinstance(user, int) else 0, str(user)))
