"""Reads the SQL files of this package; the one place that knows where they are and how they are named.

Invariant: a file holds one object and is named ``<name>_v<version>.sql``; the name is unique in the package, whatever
folder the file is in. Released files never change (``frozen.sha256``). Templates mark names to fill in as ``{{name}}``.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_COMMENT_LINE = re.compile(r"^\s*--.*\n?", re.MULTILINE)


@cache
def sql_files() -> dict[str, Traversable]:
    """Return every SQL file of the package by its name without the suffix, for example ``begin_read_v01``."""
    return {file.name.removesuffix(".sql"): file for file in _sql_files(files("views_sql"))}


def _sql_files(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sql_files(entry)
        elif entry.name.endswith(".sql"):
            yield entry


def read_sql(name: str, version: int) -> str:
    """Return the text of one versioned SQL file.

    :raises KeyError: there is no such file.
    """
    return sql_files()[f"{name}_v{version:02d}"].read_text(encoding="utf-8")


def fill_in(template: str, names: dict[str, str]) -> str:
    """Return ``template`` with every ``{{placeholder}}`` replaced; its ``$$`` quotes hold whatever a value holds.

    :raises KeyError: a placeholder has no value in ``names``.
    """
    values = "".join(names.values())
    if "$$" in values:
        template = template.replace("$$", dollar_tag(values))
    return _PLACEHOLDER.sub(lambda match: names[match.group(1)], template)


def dollar_tag(text: str) -> str:
    """Return a dollar quote that does not occur in ``text``."""
    tag = "body"
    while f"${tag}" in text:
        tag += "_"
    return f"${tag}$"


def select_of(name: str, version: int) -> str:
    """Return the bare SELECT of a maintained view, without its header comment."""
    return _COMMENT_LINE.sub("", read_sql(name, version)).strip().rstrip(";")
