"""What is installed of a declaration: its values and the DDL of each view, as one row of ``frontview.declaration``.

Invariant: the row holds everything: nobody needs the project's files, or the code that generated the DDL, to know what
is there or to take it away. Its text is read as values and compared; nothing here runs it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from models.errors import CatalogError, DeclarationNewer
from views_sql.declaration.application import Application
from views_sql.declaration.proven import ProvenApplication, ProvenView
from views_sql.declaration.resolved import fingerprint, resolved, restored

FORMAT = 1  # Raised whenever older code could not read, or would misread, a row.
PARTS = ("users", "existence", "stored", "read")  # And capture, in parts of its own.
SHARED = ("users", "existence")  # By the views of one number.

# What reading values of another form raises.
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)

_PROVEN = TypeAdapter(ProvenApplication)


@dataclass(frozen=True, slots=True)
class InstalledView:
    """One view with the DDL that made it.

    :param number: of the declaration that made it, which all its names carry.
    :param proven: its source has the name under which it is captured.
    :param users: the DDL of the view of declared users, empty without them; views of the same number share it.
    :param existence: of the capture of whether a user exists; shared in the same way.
    :param capture: of the capture of its table, and of each other table that it reads.
    :param stored: of everything that its rows are kept in.
    :param read: of the function that answers questions.
    """

    number: int
    proven: ProvenView
    users: tuple[str, ...]
    existence: tuple[str, ...]
    capture: tuple[tuple[str, ...], ...]
    stored: tuple[str, ...]
    read: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Installed:
    """A declaration as it is installed.

    :param core: the core's revision that it was made for.
    :param proven: its views are those of ``views``.
    """

    number: int
    core: str
    declared: Application
    proven: ProvenApplication
    views: tuple[InstalledView, ...]

    @property
    def hash(self) -> str:
        """The hash that names the declaration."""
        return fingerprint(self.declared)

    def view(self, name: str) -> InstalledView | None:
        """Return the installed view of that name, if there is one."""
        return next((view for view in self.views if view.proven.name == name), None)


def row_of(installed: Installed) -> tuple[str, list[str]]:
    """Return the JSON of ``resolved`` and the statements of ``ddl``."""
    ddl: list[str] = []
    shared: dict[tuple[int, str], list[int]] = {}
    views = [_with_places(view, ddl, shared) for view in installed.views]
    proven = asdict(installed.proven) | {"views": []}
    content = {
        "core": installed.core,
        "declared": json.loads(resolved(installed.declared)),
        "proven": proven,
        "views": views,
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False), ddl


def installed_of(number: int, row_format: int, content: Mapping[str, Any], ddl: Sequence[str]) -> Installed:
    """Return the declaration of a row.

    :raises DeclarationNewer: a newer version of Frontview wrote the row.
    :raises CatalogError: the row is not what any version writes.
    """
    if row_format > FORMAT:
        raise DeclarationNewer(number, row_format, FORMAT)
    try:
        views = tuple(_view(it, ddl) for it in content["views"])
        proven = _PROVEN.validate_python(
            {**content["proven"], "views": [_proven_view(it["proven"]) for it in content["views"]]}
        )
        declared = restored(json.dumps(content["declared"]))
        return Installed(number, str(content["core"]), declared, proven, views)
    except MALFORMED as error:
        raise CatalogError(f"declaration {number} in the database cannot be read: {type(error).__name__}") from None


def _with_places(view: InstalledView, ddl: list[str], shared: dict[tuple[int, str], list[int]]) -> dict[str, Any]:
    """Return a view as JSON, its statements as their places in ``ddl``, to which they are added."""
    proven = asdict(view.proven)
    proven["dimensions"] = [[name, column] for name, column in proven["dimensions"].items()]  # JSONB keeps no order.
    places: dict[str, list[Any]] = {}
    for part in PARTS:
        known = shared.get((view.number, part))
        if known is None:
            known = _placed(getattr(view, part), ddl)
            if part in SHARED:
                shared[view.number, part] = known
        places[part] = known
    places["capture"] = [_placed(statements, ddl) for statements in view.capture]
    return {"number": view.number, "proven": proven, "ddl": places}


def _placed(statements: Sequence[str], ddl: list[str]) -> list[int]:
    """Add statements to ``ddl``, and return their places."""
    ddl += statements
    return list(range(len(ddl) - len(statements), len(ddl)))


def _view(content: Mapping[str, Any], ddl: Sequence[str]) -> InstalledView:
    proven = TypeAdapter(ProvenView).validate_python(_proven_view(content["proven"]))
    parts = {part: tuple(ddl[place] for place in content["ddl"][part]) for part in PARTS}
    capture = tuple(tuple(ddl[place] for place in places) for places in content["ddl"]["capture"])
    return InstalledView(int(content["number"]), proven, capture=capture, **parts)


def _proven_view(content: Mapping[str, Any]) -> dict[str, Any]:
    return {**content, "dimensions": dict(content["dimensions"])}
