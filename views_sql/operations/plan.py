"""From a proven declaration and what is installed to the steps of a migration. Pure functions over values.

Invariant: a view whose DDL would be the same keeps its objects and their names. What is new is made first, then the
declaration is recorded; what is old goes when nobody uses it. So at every moment the active declaration has all of its
objects.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from views_sql.declaration.application import Application
from views_sql.declaration.proven import ProvenApplication, ProvenSource, ProvenView
from views_sql.declaration.resolved import resolved
from views_sql.generation.declared_capture import capture_declared
from views_sql.generation.declared_view import create_declared_view, create_users
from views_sql.generation.grouped_read import create_grouped_read
from views_sql.generation.stored_columns import existence_source, view_name
from views_sql.operations.installed import Installed, InstalledView

_MADE = ("users", "existence", "capture", "stored")
Action = Literal["create", "replace", "read function only", "settings only", "keep", "drop"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one view; ``old`` and ``new`` are None where it is not there."""

    action: Action
    old: InstalledView | None
    new: InstalledView | None

    @property
    def name(self) -> str:
        """The view's name."""
        view = self.new or self.old
        assert view is not None  # noqa: S101  one of the two is there
        return view.proven.name


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
    def gone(self) -> list[InstalledView]:
        """The installed views whose objects go with their declaration."""
        return [it.old for it in self.changes if it.old and it.action in {"replace", "drop"}]

    @property
    def is_empty(self) -> bool:
        """Whether the database is as the file says."""
        return (
            self.old is not None
            and all(change.action == "keep" for change in self.changes)
            and resolved(self.old.declared) == resolved(self.new.declared)
            and replace(self.old.proven, views=()) == replace(self.new.proven, views=())
        )


def plan(declared: Application, proven: ProvenApplication, old: Installed | None, core: str, taken: int = 0) -> Plan:
    """Return what happens to each view.

    :param core: the newest revision of the core, for which the statements are generated.
    :param taken: the greatest number of a declaration that stands: perhaps of one that was taken back.
    """
    number = max(old.number if old else 0, taken) + 1
    changes = list(_changes(proven, old, number))
    views = tuple(change.new for change in changes if change.new)
    new = Installed(number, core, declared, replace(proven, views=tuple(it.proven for it in views)), views)
    return Plan(old, new, tuple(changes))


def generated(application: ProvenApplication, view: ProvenView, number: int) -> InstalledView:
    """Return a view under the names of a declaration, with its DDL."""
    name = view_name(view, number)
    more = (replace(source, name=f"{name}_s{place}") for place, source in enumerate(view.more_sources, 2))
    view = replace(view, source=replace(view.source, name=name), more_sources=tuple(more))
    read = create_grouped_read(application, view, number)
    stored = create_declared_view(application, view, number)[: -len(read)]
    return InstalledView(
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
    for view in proven.views:
        before = old.view(view.name) if old else None
        yield (
            Change("create", None, generated(proven, view, number))
            if before is None
            else _change(proven, view, before, number)
        )
    names = {view.name for view in proven.views}
    for before in old.views if old else ():
        if before.proven.name not in names:
            yield Change("drop", before, None)


def _change(proven: ProvenApplication, view: ProvenView, before: InstalledView, number: int) -> Change:
    same = generated(proven, view, before.number)
    if any(getattr(same, part) != getattr(before, part) for part in _MADE):
        return Change("replace", before, generated(proven, view, number))
    if same.read != before.read:
        return Change("read function only", before, same)
    return Change("keep" if same.proven == before.proven else "settings only", before, same)
