"""Reads the SQL files of this package; the one place that knows where they are and how they are named.

A file holds one object and is named ``<kind>/<name>_v<version>.sql``. Released files never change
(``frozen.sha256``). Templates mark names to fill in as ``{{name}}``.
"""

import re
from importlib.resources import files

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_COMMENT_LINE = re.compile(r"^\s*--.*\n?", re.MULTILINE)


def read_sql(kind: str, name: str, version: int) -> str:
    """Return the text of one versioned SQL file.

    :param kind: a folder: ``functions``, ``types``, ``triggers``, ``materialized_views`` or ``dashboards``.
    :raises FileNotFoundError: there is no such file.
    """
    return files("views_sql").joinpath(kind, f"{name}_v{version:02d}.sql").read_text(encoding="utf-8")


def fill_in(template: str, names: dict[str, str]) -> str:
    """Return ``template`` with every ``{{placeholder}}`` replaced.

    :raises KeyError: a placeholder has no name.
    """
    return _PLACEHOLDER.sub(lambda match: names[match.group(1)], template)


def select_of(name: str, version: int) -> str:
    """Return the bare SELECT of a maintained view, without its header comment."""
    return _COMMENT_LINE.sub("", read_sql("materialized_views", name, version)).strip().rstrip(";")
