"""The catalog of the application that is installed in a database.

Invariant: names come from the owner's row in ``frontview.declaration`` and are checked against a pattern; no text of
the row is ever run.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from models.connection import Connection
from models.errors import NotInstalled
from views_sql.declaration.declared import Declared, DeclaredView, Parameter
from views_sql.declaration.maintained_view import Catalog, Dashboard, MaintainedView, Region, Source
from views_sql.declaration.proven import ProvenSource, ProvenView
from views_sql.generation.declared_capture import quoted_table
from views_sql.generation.names import identifier
from views_sql.generation.stored_columns import distinct_measures, maintained, maintained_values, view_name
from views_sql.operations.database import active_declaration
from views_sql.operations.installed import Installed, InstalledView
from views_sql.operations.plan import users_source

REGISTERED = "SELECT source FROM frontview.source"

CatalogLoader = Callable[[Connection], Catalog]


def load_application(connection: Connection, bundled: Catalog) -> Catalog:
    """Return what the database's application declares.

    :param bundled: the application that is there without a declaration, if its tables are captured.
    :raises NotInstalled: there is neither.
    :raises DeclarationNewer: a newer version of Frontview wrote the declaration.
    """
    installed = active_declaration(connection)
    if installed is not None:
        return catalog_of(installed)
    registered = {name for (name,) in connection.execute(REGISTERED)}
    if not registered >= {source.name for source in bundled.sources}:
        raise NotInstalled
    return bundled


def catalog_of(installed: Installed) -> Catalog:
    """Return the catalog of a declaration: each view is one question, called ``view.<name>``."""
    declared = {view.name: view for view in installed.declared.views}
    views = tuple(_declared_view(it, declared) for it in installed.views)
    return Catalog(
        tuple(map(_source, _sources(installed))),
        tuple(it for view in installed.views for it in _maintained(view)),
        tuple(Region(it.name, it.max_entries, it.max_bytes) for it in installed.declared.regions),
        tuple(_question(installed, view) for view in views),
        declared=Declared(installed.number, installed.hash, installed.proven.key_kind, installed.declared.user, views),
    )


def _declared_view(view: InstalledView, declared: Mapping[str, Any]) -> DeclaredView:
    name = view_name(view.proven, view.number)
    return DeclaredView(
        declared[view.proven.name],
        view.proven,
        view.number,
        f"frontview.{identifier(name)}_read",
        tuple(_parameters(view.proven)),
    )


def _sources(installed: Installed) -> Iterator[ProvenSource]:
    for number in sorted({view.number for view in installed.views}):
        if (users := users_source(installed.proven, number)) is not None:
            yield users
    for view in installed.views:
        yield view.proven.source


def _source(source: ProvenSource) -> Source:
    return Source(identifier(source.name), quoted_table(source.table), source.user_column, source.time_column)


def _maintained(view: InstalledView) -> Iterator[MaintainedView]:
    yield maintained(view.proven, view.number)
    for measure in distinct_measures(view.proven):
        yield maintained_values(view.proven, measure, view.number)


def _parameters(view: ProvenView) -> Iterator[Parameter]:
    """Yield the parameters in the order of the function's."""
    daily = view.source.time_kind is not None
    if daily:
        yield from (Parameter("from", "date"), Parameter("to", "date"), Parameter("granularity", "text"))
    yield Parameter("group_by", "text[]")
    for name, column in view.dimensions.items():
        yield Parameter(name, f"{column.type}[]")
        yield Parameter(f"{name}.null", "boolean")
    yield Parameter("measures", "text[]")
    yield from (Parameter("order", "text"), Parameter("limit", "integer"), Parameter("other", "boolean"))
    if daily:
        yield Parameter("compare", "text")


def _question(installed: Installed, view: DeclaredView) -> Dashboard:
    users = users_source(installed.proven, view.number)
    sources = frozenset({view.proven.source.name, *([users.name] if users else ())})
    return Dashboard(
        f"view.{view.proven.name}",
        view.proven.region,
        view.proven.ttl_seconds,
        view.function,
        tuple(parameter.name for parameter in view.parameters),
        partial(_same_sources, sources),
    )


def _same_sources(sources: frozenset[str], _parameters: Mapping[str, Any], _depends_on_today: bool) -> frozenset[str]:
    return sources
