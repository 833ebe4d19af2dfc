"""What is wrong with a table of the file, in words, where pydantic has found it.

Invariant: no message of pydantic reaches the user; a kind of error that is not known here gets a sentence of its own.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from views_sql.declaration.application import SourceTable
from views_sql.declaration.declared import Declared
from views_sql.declaration.fault import Fault
from views_sql.declaration.words import nearest

Path = tuple[str | int, ...]
EXPECTED = {
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "tuple_type": 'a list such as ["one", "two"]',
    "model_type": 'the name of a table in quotes, or { table = "schema.name", user = "column" }',
    "model_attributes_type": 'the name of a table in quotes, or { table = "schema.name", user = "column" }',
    "dict_type": "a table",
    "mapping_type": "a table",
}
_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def dotted(path: Path) -> str:
    """Return a path as TOML writes it; long and unprintable names are shortened and quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." * bool(text) + (part if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part) else quoted(part))
    return text


def quoted(text: str) -> str:
    """Return a text in double quotes, on one line and not longer than 60 characters."""
    shown = json.dumps(text if len(text) <= 60 else text[:59] + "…", ensure_ascii=False)
    return "".join(it if it.isprintable() else f"\\u{ord(it):04X}" for it in shown)


def found(value: object) -> str:
    """Return what stands in the file, in words."""
    if isinstance(value, str):
        return f"the text {quoted(value)}" if value else "an empty text"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**15:
        return "a number of more than 15 digits"
    if isinstance(value, int | float):
        return f"the number {value}"
    kinds = {list: "a list", datetime: "a date and time", date: "a date", time: "a time"}
    return kinds.get(type(value), "a table")


def expected(what: str, value: object) -> str:
    """Return the sentence about a value of the wrong kind."""
    return f"expected {what}, and found {found(value)}"


def faults_of(
    error: ValidationError, model: type[Declared], file: str, path: Path, spelled: Mapping[str, str]
) -> Iterator[Fault]:
    """Return one fault for each error that pydantic has found in a table.

    :param path: of the table.
    :param spelled: how the file spells fields that have another name there.
    """
    for detail in error.errors(include_url=False):
        first, *rest = detail["loc"]
        field = str(spelled.get(str(first), first))
        begin = [] if field in model.given else [field]  # The name of a table is the last part of its path.
        inside = [part for part in rest if part != "[key]"]
        yield Fault(file, dotted((*path, *begin, *inside)), _sentence(detail, model))


def _sentence(detail: ErrorDetails, model: type[Declared]) -> str:
    kind, facts, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "value_error":
        return str(facts["error"])
    if kind == "missing":
        of_list = any(isinstance(part, int) for part in detail["loc"])
        return f"the field is missing{_example(SourceTable if of_list else model, str(detail['loc'][-1]))}"
    if kind == "extra_forbidden":  # Only a table within a list has such: the others' fields are looked at before.
        return f"there is no field of this name; {nearest(str(detail['loc'][-1]), SourceTable.fields_in_file())}"
    if kind in _BOUNDS:
        fact, comparison = _BOUNDS[kind]
        return expected(f"a number that is {comparison} {facts[fact]:,.15g}", value)
    if kind == "literal_error":
        return expected(str(facts["expected"]).replace("'", '"'), value)
    return expected(EXPECTED.get(kind, "another value"), value)


def _example(model: type[Declared], spelling: str) -> str:
    field = model.model_fields.get(model.fields_in_file().get(spelling, ""))
    examples: list[Any] = (field.examples or []) if field else []
    return f"; for example {spelling} = {examples[0]}" if examples else ""
