"""From a proven declaration and what is installed to the steps of a migration. Pure functions over values.

Invariant: a part whose DDL would be the same keeps its objects and their names. What is new is made first, then the
declaration is recorded; what is old goes when nobody uses it. So at every moment the active declaration has all of its
objects.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from views_sql.declaration.application import Application
from views_sql.declaration.proven import (
    ProvenApplication,
    ProvenDashboard,
    ProvenList,
    ProvenSource,
    ProvenView,
)
from views_sql.declaration.resolved import resolved
from views_sql.generation.dashboard import create_dashboard, create_list
from views_sql.generation.declared_capture import capture_declared
from views_sql.generation.declared_view import create_declared_view, create_users
from views_sql.generation.grouped_read import create_grouped_read
from views_sql.generation.shown_rows import Numbers, captured_name, create_rows
from views_sql.generation.stored_columns import existence_source, view_name
from views_sql.operations.installed import (
    AnyPart,
    Installed,
    InstalledPart,
    ProvenPart,
    bare,
    installed_with,
    kind_of,
    name_of,
    with_parts,
)

_MADE = ("users", "existence", "capture", "stored", "uses")
Action = Literal["create", "replace", "read function only", "settings only", "keep", "drop"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one part; ``old`` and ``new`` are None where it is not there."""

    action: Action
    old: AnyPart | None
    new: AnyPart | None

    @property
    def kind(self) -> str:
        """Whether it is a view, a label, the facts, a list or a dashboard."""
        return self._part.key[0]

    @property
    def name(self) -> str:
        """The part's name."""
        return self._part.key[1]

    @property
    def _part(self) -> AnyPart:
        part = self.new or self.old
        assert part is not None  # noqa: S101  one of the two is there
        return part


@dataclass(frozen=True, slots=True)
class Plan:
    """What a migration would change.

    :param old: what is installed; None: nothing.
    :param new: what will be.
    """

    old: Installed | None
    new: Installed
    changes: tuple[Change, ...]

    @property
    def gone(self) -> list[AnyPart]:
        """The installed parts whose objects go with their declaration."""
        return [it.old for it in self.changes if it.old and it.action in {"replace", "drop"}]

    @property
    def is_empty(self) -> bool:
        """Whether the database is as the file says."""
        return (
            self.old is not None
            and all(change.action == "keep" for change in self.changes)
            and resolved(self.old.declared) == resolved(self.new.declared)
            and bare(self.old.proven) == bare(self.new.proven)
        )


def plan(declared: Application, proven: ProvenApplication, old: Installed | None, core: str, taken: int = 0) -> Plan:
    """Return what happens to each part.

    :param core: the newest revision of the core, for which the statements are generated.
    :param taken: the greatest number of a declaration that stands: perhaps of one that was taken back.
    """
    number = max(old.number if old else 0, taken) + 1
    changes = list(_changes(proven, old, number))
    parts = [change.new for change in changes if change.new]
    return Plan(old, installed_with(number, core, declared, with_parts(proven, parts), parts), tuple(changes))


def numbers_of(parts: Iterable[AnyPart]) -> Numbers:
    """Return the numbers of the declarations that made parts."""
    of: dict[str, dict[str, int]] = {kind: {} for kind in ("view", "label", "facts", "list", "dashboard")}
    for part in parts:
        kind, name = part.key
        of[kind][name] = part.number
    return Numbers(of["view"], of["label"], of["list"], of["facts"].get("facts"))


def generated(application: ProvenApplication, part: ProvenPart, number: int, numbers: Numbers) -> AnyPart:
    """Return a part under the names of a declaration, with its DDL.

    :param numbers: of the parts that its function reads.
    """
    if isinstance(part, ProvenView):
        return _view(application, part, number)
    users = tuple(create_users(application, number))
    existence = tuple(capture_declared(it)) if (it := users_source(application, number)) else ()
    if isinstance(part, ProvenDashboard):
        read = create_dashboard(application, part, number, numbers)
        return InstalledPart(number, part, users, existence, (), (), tuple(read), used_by(application, part, numbers))
    part = replace(part, source=replace(part.source, name=captured_name(part, number)))
    read, used = list[str](), tuple[str, ...]()
    if isinstance(part, ProvenList):
        read = create_list(application, part, number, replace(numbers, lists={part.name: number}))
        used = _labels(_labels_of_lists([part]), numbers)
    captured = (tuple(capture_declared(part.source)),)
    return InstalledPart(number, part, users, existence, captured, tuple(create_rows(part, number)), tuple(read), used)


def used_by(application: ProvenApplication, dashboard: ProvenDashboard, numbers: Numbers) -> tuple[str, ...]:
    """Return the parts that a dashboard's function reads, each with its number."""
    listed = {panel.listed for panel in dashboard.panels if panel.listed}
    dimensions = {name for panel in dashboard.panels for name in panel.by}
    dimensions |= _labels_of_lists(it for it in application.lists if it.name in listed)
    used = [f"view {it}_{numbers.views[it]}" for it in dict.fromkeys(v for p in dashboard.panels for v in p.views)]
    used += _labels(dimensions, numbers)
    used += [f"list {it}_{numbers.lists[it]}" for it in sorted(listed & numbers.lists.keys())]
    if any(panel.of == "user" for panel in dashboard.panels):
        used.append(f"facts_{numbers.facts}")
    return tuple(used)


def _labels_of_lists(lists: Iterable[ProvenList]) -> set[str]:
    """Return the dimensions whose labels lists show."""
    return {place.partition(".")[0] for it in lists for _, place in it.shown if "." in place}


def _labels(dimensions: set[str], numbers: Numbers) -> tuple[str, ...]:
    return tuple(f"label {it}_{numbers.labels[it]}" for it in sorted(dimensions & numbers.labels.keys()))


def _view(application: ProvenApplication, view: ProvenView, number: int) -> AnyPart:
    name = view_name(view, number)
    more = (replace(source, name=f"{name}_s{place}") for place, source in enumerate(view.more_sources, 2))
    view = replace(view, source=replace(view.source, name=name), more_sources=tuple(more))
    read = create_grouped_read(application, view, number)
    stored = create_declared_view(application, view, number)[: -len(read)]
    return InstalledPart(
        number,
        view,
        tuple(create_users(application, number)),
        tuple(capture_declared(existence)) if (existence := users_source(application, number)) else (),
        tuple(tuple(capture_declared(source)) for source in view.sources),
        tuple(stored),
        tuple(read),
    )


def users_source(application: ProvenApplication, number: int) -> ProvenSource | None:
    """Return what captures whether a user exists, the user's name and zone; None without declared users."""
    if application.users is None or application.user_key is None:
        return None
    name = existence_source(number)
    long_keys = application.key_kind == "text"
    watched = application.users_watched
    return ProvenSource(name, application.users, application.user_key, None, None, None, "UTC", watched, long_keys)


def _changes(proven: ProvenApplication, old: Installed | None, number: int) -> Iterator[Change]:
    before = {part.key: part for part in old.everything} if old else {}
    made: list[AnyPart] = []
    for part in _parts(proven):
        there = before.pop((kind_of(part), name_of(part)), None)
        change = _change(proven, part, there, number, made)
        if change.new is not None:
            made.append(change.new)
        yield change
    for gone in before.values():
        yield Change("drop", gone, None)


def _parts(proven: ProvenApplication) -> tuple[ProvenPart, ...]:
    facts = () if proven.facts is None else (proven.facts,)
    return (*proven.views, *proven.labels, *facts, *proven.lists, *proven.dashboards)


def _change(
    proven: ProvenApplication, part: ProvenPart, before: AnyPart | None, number: int, made: Sequence[AnyPart]
) -> Change:
    numbers = numbers_of(made)
    if before is None:
        return Change("create", None, generated(proven, part, number, numbers))
    same = generated(proven, part, before.number, numbers)
    # Workers give arguments by their place: one that has not seen a change yet would filter by something else.
    others = _parameters(same) != _parameters(before)
    if others or any(getattr(same, it) != getattr(before, it) for it in _MADE):
        return Change("replace", before, generated(proven, part, number, numbers))
    if same.read != before.read:
        return Change("read function only", before, same)
    return Change("keep" if same.proven == before.proven else "settings only", before, same)


def _parameters(part: AnyPart) -> list[str]:
    """Return the head of each of the part's functions, up to what it returns."""
    return [it.partition("\n) RETURNS ")[0].partition("\nCREATE FUNCTION ")[2] for it in part.read]
