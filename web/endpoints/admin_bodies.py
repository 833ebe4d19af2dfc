"""The request bodies of the admin endpoints."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from refresher.front_cache.patterns import EVERYTHING, LONGEST_PATTERN, pattern_for_region, pattern_for_user
from web.http.json_bodies import Body
from web.http.user_keys import JsonUser

MOST_USERS = 1_000
MOST_ACTIVE = 10_000


def parse_pattern(value: Any) -> str:
    """Return a JSON value as a pattern.

    :raises ValueError: it is no text, too long, or has characters that no label has.
    """
    if not isinstance(value, str) or not re.fullmatch(rf"[ -~]{{1,{LONGEST_PATTERN}}}", value):
        raise ValueError(f"expected 1 to {LONGEST_PATTERN} printable ASCII characters")
    return value


def parse_true(value: Any) -> bool:
    """Return true if the JSON value is true.

    :raises ValueError: it is anything else.
    """
    if value is not True:
        raise ValueError("expected true")
    return True


Pattern = Annotated[
    str,
    BeforeValidator(parse_pattern),
    Field(json_schema_extra={"pattern": "^[ -~]+$", "minLength": 1, "maxLength": LONGEST_PATTERN}),
]
Name = Annotated[str, Field(min_length=1, max_length=63)]


class OneOf(Body):
    """A body with exactly one of its members."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"name one of {', '.join(type(self).model_fields)}, and only one")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Return the schema, which says that there is exactly one member."""
        schema: dict[str, Any] = handler(core_schema)
        handler.resolve_ref_schema(schema).update(minProperties=1, maxProperties=1)
        return schema


class WarmBody(OneOf):
    """Whose answers to put into the caches."""

    user_ids: list[JsonUser] | None = Field(None, min_length=1, max_length=MOST_USERS, description="These users.")
    most_active: int | None = Field(None, ge=1, le=MOST_ACTIVE, description="That many of the most active users.")


class InvalidateBody(OneOf):
    """Which entries every cache is to drop."""

    pattern: Pattern | None = Field(
        None, description="A glob over `region:user:ID` and `region:user:ID:dashboard`; either may match."
    )
    user_id: JsonUser | None = Field(None, description="Everything of this user.")
    region: Name | None = Field(None, description="Everything in this region.")
    everything: Annotated[Literal[True], BeforeValidator(parse_true)] | None = Field(None, description="Everything.")

    def as_pattern(self) -> str:
        """Return the pattern of the entries to drop."""
        if self.pattern is not None:
            return self.pattern
        if self.user_id is not None:
            return pattern_for_user(self.user_id)
        return EVERYTHING if self.region is None else pattern_for_region(self.region)


class RefreshBody(Body):
    """Which view to refresh."""

    view: Name = Field(description="Its name; all its tiers are refreshed.")
