"""The objects of a declaration as its row holds them: how each is made, how it is dropped, and what it needs.

Invariant: an object has one name in every declaration that has it, and is made in the same way by each, but for a
function that reads: of these the active declaration's is there. So functions of the core can make, swap and drop what
a declaration has without its project, and without the version that generated it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from views_sql.declaration.proven import ProvenSource
from views_sql.generation.declared_capture import quoted_table, stop_declared
from views_sql.generation.declared_view import drop_declared_view, drop_users, maintained_names
from views_sql.generation.grouped_read import drop_grouped_read
from views_sql.generation.names import identifier
from views_sql.generation.stored_columns import view_name
from views_sql.operations.installed import Installed, InstalledView, row_of
from views_sql.operations.plan import users_source

KINDS = ("capture", "stored", "read")  # In the order in which they are made.


def row_with_objects(installed: Installed) -> tuple[str, list[str]]:
    """Return the JSON of ``resolved``, its objects included, and the statements of ``ddl``."""
    text, ddl = row_of(installed)
    content = json.loads(text)
    content["objects"] = objects_of(installed, [view["ddl"] for view in content["views"]])
    return json.dumps(content, sort_keys=True, ensure_ascii=False), ddl


def objects_of(installed: Installed, places: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the objects in the order in which they are made.

    :param places: of each view, where the statements of each of its parts stand in the row's ``ddl``.
    """
    found: dict[str, dict[str, Any]] = {}
    for view, ddl in zip(installed.views, places, strict=True):
        for it in _of_view(installed, view, ddl):
            found.setdefault(it["name"], it)
    return sorted(found.values(), key=lambda it: KINDS.index(it["kind"]))


def _of_view(installed: Installed, view: InstalledView, ddl: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    number, users, name = view.number, users_source(installed.proven, view.number), view_name(view.proven, view.number)
    if users is not None:
        yield _capture(users, ddl["existence"])
    of_users = f"user_{number}"
    yield _object(of_users, "stored", ddl["users"], drop_users(installed.proven, number), [users.name] if users else [])
    for source, places in zip(view.proven.sources, ddl["capture"], strict=True):
        yield _capture(source, places)
    needs = [of_users, *(source.name for source in view.proven.sources)]
    end_of_read = len(drop_grouped_read(identifier(name)))
    drop = drop_declared_view(view.proven, number)
    stored = _object(f"{name}_stored", "stored", ddl["stored"], drop[end_of_read:], needs)
    yield stored | {"views": maintained_names(view.proven, number)}
    yield _object(f"{name}_read", "read", ddl["read"], drop[:end_of_read], [f"{name}_stored"])


def _capture(source: ProvenSource, places: Sequence[int]) -> dict[str, Any]:
    made = _object(source.name, "capture", places, stop_declared(source.name), [])
    return made | {"table": quoted_table(source.table)}


def _object(name: str, kind: str, places: Sequence[int], drop: Sequence[str], needs: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "kind": kind, "make": list(places), "drop": list(drop), "needs": list(needs), "views": []}
