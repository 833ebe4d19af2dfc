"""What every table of ``frontview.toml`` has in common: strict fields with their descriptions, names and texts.

Invariant: a value that exists is well formed, and never changes.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from views_sql.declaration import words
from views_sql.declaration.frozen_mapping import FrozenMapping

Name = Annotated[str, AfterValidator(words.name)]
Line = Annotated[str, AfterValidator(words.line)]
Expression = Annotated[str, AfterValidator(words.expression)]
Value = TypeVar("Value")
Named = Annotated[Mapping[Name, Value], AfterValidator(FrozenMapping), PlainSerializer(dict)]
Lines = Annotated[tuple[Line, ...], BeforeValidator(lambda given: tuple(given) if isinstance(given, list) else given)]
FIRST_FILE = "frontview.toml"


class Declared(BaseModel):
    """A table of the file: unknown fields are refused, no value is converted, nothing changes afterwards.

    ``given`` are the fields that stand nowhere in the table itself.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)
    given: ClassVar[frozenset[str]] = frozenset({"name", "file"})

    @classmethod
    def fields_in_file(cls) -> dict[str, str]:
        """Return the name of each field by its name in the file."""
        fields = {name: field for name, field in cls.model_fields.items() if name not in cls.given}
        return {str(field.validation_alias or name): name for name, field in fields.items()}


def declared_field(default: Any, description: str, example: str, **more: Any) -> Any:
    """Return a field with what docs/declaration.md says about it."""
    return Field(default, description=description, examples=[example], **more)
