"""User keys in requests, in the kind that the application's database has.

Invariant: nothing about a kind is decided at import; every request asks the application that handles it.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, cast

from flask import Flask, current_app
from pydantic import BeforeValidator, WithJsonSchema

from models.user_key import UserKey, UserKind

_NAME = "frontview.user_kind"
_MARK = "frontview-user-key"  # The document has the schema of the application's kind in the place of this one.
SCHEMA = {"format": _MARK}


def set_user_kind(app: Flask, user_kind: Callable[[], UserKind]) -> None:
    """Attach to ``app`` what returns the kind, or raises what the client is told instead."""
    app.extensions[_NAME] = user_kind


def user_kind() -> UserKind:
    """Return the kind of the user keys of the application that handles the current request."""
    return cast(Callable[[], UserKind], current_app.extensions[_NAME])()


def parse_user(text: str) -> UserKey:
    """Return the user key that a text spells.

    :raises ValueError: it spells none.
    """
    return user_kind().parse(text)


def parse_json_user(value: object) -> UserKey:
    """Return a JSON value as a user key.

    :raises ValueError: it has another type, or is no user key.
    """
    return user_kind().parse_json(value)


User: TypeAlias = Annotated[UserKey, BeforeValidator(parse_user), WithJsonSchema(SCHEMA)]
JsonUser: TypeAlias = Annotated[UserKey, BeforeValidator(parse_json_user), WithJsonSchema(SCHEMA)]


def describe_user_keys(node: Any, kind: UserKind) -> None:
    """Put the schema and the examples of a kind in the place of those of any kind, in a part of the document."""
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        describe_user_keys(child, kind)
    if not isinstance(node, dict):
        return
    if node.get("format") == _MARK:
        del node["format"]
        node.update(kind.schema)
    if isinstance(node.get("user_ids"), list):
        node["user_ids"] = list(kind.examples)
