"""A declaration as one canonical text, and the hash that names it.

Invariant: the text holds every default, so that it means the same with any later version; equal declarations have
equal texts, in whatever order and in whichever files their tables stand.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from views_sql.declaration.application import Application

FORMAT = 1  # Raised whenever an older version could not read, or would misread, a text.
KINDS = ("views", "regions", "dimensions", "metrics", "lists", "dashboards")
# Where names stand within tables: the kind, the field, and what a value is called beside its name; None: it is a table.
NAMED = (
    ("views", "dimensions", "expression"),
    ("views", "measures", None),
    ("lists", "columns", "expression"),
    ("lists", "dimensions", "expression"),
    ("dashboards", "panels", None),
)


def resolved(application: Application) -> str:
    """Return the canonical JSON; what is named within a table is a list, since its order counts."""
    content = application.model_dump()
    for of, field, value in NAMED:
        for it in content[of]:
            it[field] = _listed(it[field], value)
    content["user"]["facts"] = _listed(content["user"]["facts"], "expression")
    for kind in KINDS:
        content[kind] = sorted(content[kind], key=lambda it: str(it["name"]))
    return json.dumps({"format": FORMAT} | content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def restored(text: str) -> Application:
    """Return the application of a canonical text.

    :raises ValueError: it is none of this format.
    """
    content: dict[str, Any] = json.loads(text)
    if content.pop("format") != FORMAT:
        raise ValueError("the declaration was written by another version")
    for of, field, value in NAMED:
        for it in content.get(of, ()):
            it[field] = _named(it[field], value)
    content["user"]["facts"] = _named(content["user"].get("facts", []), "expression")
    return Application.model_validate(content | {kind: tuple(content.get(kind, ())) for kind in KINDS})


def _listed(named: Mapping[str, Any] | None, value: str | None) -> list[dict[str, Any]] | None:
    """Return named values as a list.

    :param value: what a value is called beside its name; None: it is a table that gets its name.
    """
    if named is None:
        return None
    return [{"name": name} | (it if value is None else {value: it}) for name, it in named.items()]


def _named(listed: list[dict[str, Any]] | None, value: str | None) -> dict[str, Any] | None:
    """Return what :func:`_listed` was given."""
    if listed is None:
        return None
    return {it.pop("name"): it if value is None else it[value] for it in listed}


def fingerprint(application: Application) -> str:
    """Return the hash that names a declaration: 16 hexadecimal digits."""
    return hashlib.sha256(resolved(application).encode()).hexdigest()[:16]
