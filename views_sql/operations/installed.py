"""What is installed of a declaration: its values and the DDL of each part, as one row of ``frontview.declaration``.

Invariant: the row holds everything: nobody needs the project's files, or the code that generated the DDL, to know what
is there or to take it away. Its text is read as values and compared; nothing here runs it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from models.errors import CatalogError, DeclarationNewer
from views_sql.declaration.application import Application
from views_sql.declaration.proven import (
    ProvenApplication,
    ProvenDashboard,
    ProvenFacts,
    ProvenLabel,
    ProvenList,
    ProvenSource,
    ProvenView,
)
from views_sql.declaration.resolved import fingerprint, resolved, restored

FORMAT = 1  # Raised whenever older code could not read, or would misread, a row.
PARTS = ("users", "existence", "stored", "read")  # And capture, in parts of its own.
SHARED = ("users", "existence")  # By the views of one number.

# What reading values of another form raises.
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)

_PROVEN = TypeAdapter(ProvenApplication)
ProvenPart = ProvenView | ProvenLabel | ProvenFacts | ProvenList | ProvenDashboard
# Of each kind of part, in the order in which they are made.
KINDS: dict[str, type[Any]] = {
    "view": ProvenView,
    "label": ProvenLabel,
    "facts": ProvenFacts,
    "list": ProvenList,
    "dashboard": ProvenDashboard,
}


def kind_of(part: ProvenPart) -> str:
    """Return the kind of a part of a declaration."""
    return next(kind for kind, of in KINDS.items() if isinstance(part, of))


def name_of(part: ProvenPart) -> str:
    """Return what a declaration calls one of its parts."""
    if isinstance(part, ProvenFacts):
        return "facts"
    return part.dimension if isinstance(part, ProvenLabel) else part.name


def sources_of(part: ProvenPart) -> tuple[ProvenSource, ...]:
    """Return what is captured for a part."""
    if isinstance(part, ProvenDashboard):
        return ()
    return part.sources if isinstance(part, ProvenView) else (part.source,)


_Part_co = TypeVar("_Part_co", bound=ProvenPart, covariant=True)


@dataclass(frozen=True, slots=True)
class InstalledPart(Generic[_Part_co]):
    """One view, label, list or dashboard, or the facts, with the DDL that made it.

    :param number: of the declaration that made it, which all its names carry.
    :param proven: its source has the name under which it is captured.
    :param users: the DDL of the view of declared users, empty without them; views of the same number share it.
    :param existence: of the capture of whether a user exists; shared in the same way.
    :param capture: of the capture of its table, and of each other table that it reads.
    :param stored: of everything that its rows are kept in.
    :param read: of the function that answers questions.
    :param uses: of a list or a dashboard: the stored names of the parts that its function reads.
    """

    number: int
    proven: _Part_co
    users: tuple[str, ...]
    existence: tuple[str, ...]
    capture: tuple[tuple[str, ...], ...]
    stored: tuple[str, ...]
    read: tuple[str, ...]
    uses: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Its kind and its name, by which it is found again in another declaration."""
        return kind_of(self.proven), name_of(self.proven)


InstalledView = InstalledPart[ProvenView]
AnyPart = InstalledPart[ProvenPart]


@dataclass(frozen=True, slots=True)
class Installed:
    """A declaration as it is installed.

    :param core: the core's revision that it was made for.
    :param proven: its views are those of ``views``, its other parts those of ``parts``.
    :param parts: labels, facts, lists and dashboards, in the order of :data:`KINDS`.
    """

    number: int
    core: str
    declared: Application
    proven: ProvenApplication
    views: tuple[InstalledView, ...]
    parts: tuple[AnyPart, ...] = ()

    @property
    def everything(self) -> tuple[AnyPart, ...]:
        """All that has objects, each after those that it reads."""
        return (*self.views, *self.parts)

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
    parts = [_with_places(part, ddl, shared) for part in installed.everything]
    proven = asdict(bare(installed.proven))
    content = {
        "core": installed.core,
        "declared": json.loads(resolved(installed.declared)),
        "proven": proven,
        "parts": parts,
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
        everything = [_part(it, ddl) for it in content["parts"]]
        proven = with_parts(_PROVEN.validate_python(content["proven"]), everything)
        declared = restored(json.dumps(content["declared"]))
        return installed_with(number, str(content["core"]), declared, proven, everything)
    except MALFORMED as error:
        raise CatalogError(f"declaration {number} in the database cannot be read: {type(error).__name__}") from None


def bare(proven: ProvenApplication) -> ProvenApplication:
    """Return an application without its parts: its users and their days."""
    return replace(proven, views=(), labels=(), facts=None, lists=(), dashboards=())


def with_parts(proven: ProvenApplication, parts: Sequence[AnyPart]) -> ProvenApplication:
    """Return an application with these parts."""
    of: dict[str, tuple[Any, ...]] = {kind: tuple(it.proven for it in parts if it.key[0] == kind) for kind in KINDS}
    return replace(
        proven,
        views=of["view"],
        labels=of["label"],
        facts=next(iter(of["facts"]), None),
        lists=of["list"],
        dashboards=of["dashboard"],
    )


def installed_with(
    number: int, core: str, declared: Application, proven: ProvenApplication, everything: Sequence[AnyPart]
) -> Installed:
    """Return a declaration as it is installed with these parts."""
    views: tuple[Any, ...] = tuple(it for it in everything if it.key[0] == "view")
    others = tuple(it for it in everything if it.key[0] != "view")
    return Installed(number, core, declared, proven, views, others)


def _with_places(view: AnyPart, ddl: list[str], shared: dict[tuple[int, str], list[int]]) -> dict[str, Any]:
    """Return a part as JSON, its statements as their places in ``ddl``, to which they are added."""
    proven = asdict(view.proven)
    if "dimensions" in proven:
        proven["dimensions"] = [[name, it] for name, it in proven["dimensions"].items()]  # JSONB keeps no order.
    places: dict[str, list[Any]] = {}
    for part in PARTS:
        known = shared.get((view.number, part))
        if known is None:
            known = _placed(getattr(view, part), ddl)
            if part in SHARED:
                shared[view.number, part] = known
        places[part] = known
    places["capture"] = [_placed(statements, ddl) for statements in view.capture]
    kind, _ = view.key
    return {"kind": kind, "number": view.number, "proven": proven, "ddl": places, "uses": view.uses}


def _placed(statements: Sequence[str], ddl: list[str]) -> list[int]:
    """Add statements to ``ddl``, and return their places."""
    ddl += statements
    return list(range(len(ddl) - len(statements), len(ddl)))


def _part(content: Mapping[str, Any], ddl: Sequence[str]) -> AnyPart:
    values = content["proven"]
    if "dimensions" in values:
        values = {**values, "dimensions": dict(values["dimensions"])}
    proven = TypeAdapter(KINDS[content["kind"]]).validate_python(values)
    parts = {part: tuple(ddl[place] for place in content["ddl"][part]) for part in PARTS}
    capture = tuple(tuple(ddl[place] for place in places) for places in content["ddl"]["capture"])
    return InstalledPart(int(content["number"]), proven, capture=capture, uses=tuple(content["uses"]), **parts)
