"""The type of the user key, for the database and for Python.

An application whose users are keyed by ``uuid`` or ``text`` replaces the names of this module. The domain
``frontview.user_key`` is created from :data:`SQL_TYPE` by the first core migration, and every function,
table and parser refers to the domain or to this module.
"""

import re

UserKey = int
SQL_TYPE = "bigint"

_DECIMAL = re.compile(r"[1-9][0-9]{0,18}")
_LARGEST = 2**63 - 1
JSON_SCHEMA = {"format": "int64", "minimum": 1, "maximum": _LARGEST}  # Added to the type in the API's document.


def parse_user_key(text: str) -> UserKey:
    """Return the user key that ``text`` spells, in its one canonical form.

    :raises ValueError: the text is not a positive decimal ``bigint`` without sign, space or leading zero.
    """
    if not _DECIMAL.fullmatch(text) or (value := int(text)) > _LARGEST:
        raise ValueError("a user id is a positive whole number")
    return value
