"""The catalog of the application that is installed in a database.

Invariant: names come from the owner's row in ``frontview.declaration`` and are checked against a pattern; no text of
the row is ever run.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from models.connection import Connection
from models.errors import CatalogError, NotInstalled
from views_sql.declaration.maintained_view import Catalog, MaintainedView, Region, Source
from views_sql.declaration.proven import ProvenSource
from views_sql.declaration.questions import questions
from views_sql.declaration.served import ServedApplication, ServedDashboard, ServedList, ServedView
from views_sql.declaration.serving import served
from views_sql.generation.declared_capture import quoted_table
from views_sql.generation.names import identifier
from views_sql.generation.stored_columns import distinct_measures, maintained, maintained_values
from views_sql.operations.database import active_declaration
from views_sql.operations.installed import MALFORMED, Installed, InstalledView, sources_of
from views_sql.operations.plan import users_source

CatalogLoader = Callable[[Connection], Catalog]
Asked = TypeVar("Asked", ServedView, ServedDashboard, ServedList)


def load_application(connection: Connection) -> Catalog:
    """Return what the database's application declares.

    :raises NotInstalled: no declaration is active.
    :raises DeclarationNewer: a newer version of Frontview wrote the declaration.
    :raises CatalogError: its row is not what any version writes.
    """
    installed = active_declaration(connection)
    if installed is None:
        raise NotInstalled
    return catalog_of(installed)


def catalog_of(installed: Installed) -> Catalog:
    """Return the catalog of a declaration: each view is one question, called ``view.<name>``.

    :raises CatalogError: parts of the row do not fit each other, which no version writes.
    """
    try:
        return _catalog(installed)
    except MALFORMED as error:
        said = f"declaration {installed.number} in the database does not fit together: {type(error).__name__}"
        raise CatalogError(said) from None


def _catalog(installed: Installed) -> Catalog:
    application = served_by(installed)
    return Catalog(
        tuple(map(_source, _sources(installed))),
        tuple(it for view in installed.views for it in _maintained(view)),
        tuple(Region(it.name, it.max_entries, it.max_bytes) for it in installed.declared.regions),
        questions(application),
        served=application,
    )


def served_by(installed: Installed) -> ServedApplication:
    """Return what a declaration serves; each part has the number of the declaration that made it."""
    made = served(installed.declared, installed.proven, installed.number, installed.hash)
    numbers = {part.key: part.number for part in installed.everything}

    def numbered(kind: str, asked: Iterable[Asked]) -> tuple[Asked, ...]:
        return tuple(_of_number(it, numbers.get((kind, it.name), installed.number), installed) for it in asked)

    return replace(
        made,
        views=numbered("view", made.views),
        dashboards=numbered("dashboard", made.dashboards),
        lists=numbered("list", made.lists),
    )


def _of_number(asked: Asked, number: int, installed: Installed) -> Asked:
    users = users_source(installed.proven, number)
    return replace(asked, number=number, users_source=users.name if users else None)


def _sources(installed: Installed) -> Iterator[ProvenSource]:
    for number in sorted({part.number for part in installed.everything}):
        if (users := users_source(installed.proven, number)) is not None:
            yield users
    for part in installed.everything:
        yield from sources_of(part.proven)


def _source(source: ProvenSource) -> Source:
    return Source(identifier(source.name), quoted_table(source.table), source.user_column, source.time_column)


def _maintained(view: InstalledView) -> Iterator[MaintainedView]:
    yield maintained(view.proven, view.number)
    for measure in distinct_measures(view.proven):
        yield maintained_values(view.proven, measure, view.number)
