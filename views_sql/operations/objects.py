"""The objects of a declaration as its row holds them: how each is made, how it is dropped, and what it needs.

Invariant: an object has one name in every declaration that has it, and is made in the same way by each, but for a
function that reads: of these the active declaration's is there. So functions of the core can make, swap and drop what
a declaration has without its project, and without the version that generated it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from views_sql.declaration.proven import ProvenDashboard, ProvenList, ProvenSource, ProvenView
from views_sql.generation.declared_capture import quoted_table, stop_declared
from views_sql.generation.declared_view import drop_declared_view, drop_users, maintained_names
from views_sql.generation.rights import drop_function_of_web
from views_sql.generation.shown_rows import drop_rows
from views_sql.operations.installed import AnyPart, Installed, name_of, row_of, sources_of
from views_sql.operations.plan import users_source

KINDS = ("capture", "stored", "read")  # In the order in which they are made.


def row_with_objects(installed: Installed) -> tuple[str, list[str]]:
    """Return the JSON of ``resolved``, its objects included, and the statements of ``ddl``."""
    text, ddl = row_of(installed)
    content = json.loads(text)
    content["objects"] = objects_of(installed, [part["ddl"] for part in content["parts"]])
    return json.dumps(content, sort_keys=True, ensure_ascii=False), ddl


def objects_of(installed: Installed, places: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the objects in the order in which they are made.

    :param places: of each part, where its statements stand in the row's ``ddl``.
    """
    found: dict[str, dict[str, Any]] = {}
    for part, ddl in zip(installed.everything, places, strict=True):
        for it in _of_part(installed, part, ddl):
            found.setdefault(it["name"], it)
    return sorted(found.values(), key=lambda it: KINDS.index(it["kind"]))


def drop_installed(part: AnyPart) -> list[str]:
    """Return the DDL that drops what a part is made of, but for captures and users."""
    return [*_drop_read(part), *_drop_stored(part)]


def _drop_read(part: AnyPart) -> list[str]:
    functions = {ProvenView: "read", ProvenList: "list", ProvenDashboard: "dashboard"}
    suffix = functions.get(type(part.proven))
    return drop_function_of_web(f"{name_of(part.proven)}_{part.number}_{suffix}") if suffix else []


def _drop_stored(part: AnyPart) -> list[str]:
    if isinstance(part.proven, ProvenView):
        return drop_declared_view(part.proven, part.number)[len(_drop_read(part)) :]
    return [] if isinstance(part.proven, ProvenDashboard) else drop_rows(part.proven, part.number)


def _of_part(installed: Installed, part: AnyPart, ddl: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    number, users, name = part.number, users_source(installed.proven, part.number), _stored_name(part)
    if users is not None:
        yield _capture(users, ddl["existence"])
    of_users, sources = f"user_{number}", sources_of(part.proven)
    yield _object(of_users, "stored", ddl["users"], drop_users(installed.proven, number), [users.name] if users else [])
    for source, places in zip(sources, ddl["capture"], strict=True):
        yield _capture(source, places)
    needs = [of_users, *(source.name for source in sources)]
    stored = _object(name, "stored", ddl["stored"], _drop_stored(part), needs)
    views = maintained_names(part.proven, number) if isinstance(part.proven, ProvenView) else []
    yield stored | {"views": views}
    if ddl["read"]:
        yield _object(f"function of {name}", "read", ddl["read"], _drop_read(part), [name, *part.uses])


def _stored_name(part: AnyPart) -> str:
    """Return what others that use the part call it."""
    kind, name = part.key
    return f"facts_{part.number}" if kind == "facts" else f"{kind} {name}_{part.number}"


def _capture(source: ProvenSource, places: Sequence[int]) -> dict[str, Any]:
    made = _object(source.name, "capture", places, stop_declared(source.name), [])
    return made | {"table": quoted_table(source.table)}


def _object(name: str, kind: str, places: Sequence[int], drop: Sequence[str], needs: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "kind": kind, "make": list(places), "drop": list(drop), "needs": list(needs), "views": []}
