"""A project's files as one value, or every fault of all of them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from views_sql.declaration.agreement import completed, disagreements
from views_sql.declaration.application import Application, Region, UserTable, View
from views_sql.declaration.dashboards import Dashboard, LabelledDimension, Listing, Metric
from views_sql.declaration.declared import FIRST_FILE, Declared
from views_sql.declaration.fault import DeclarationError, Fault
from views_sql.declaration.files import KINDS, Table, read_script, tables_of
from views_sql.declaration.sentences import dotted
from views_sql.declaration.tables import Reader
from views_sql.declaration.toml_text import WHOLE_FILE

Value = TypeVar("Value", bound=Declared)


def read_project(project: Path) -> Application:
    """Return what the files of a project declare.

    :raises DeclarationError: with all faults.
    """
    found = list(tables_of(project))
    faults = [it for it in found if isinstance(it, Fault)]
    tables, repeated = _once([it for it in found if isinstance(it, Table)])
    faults += repeated
    if not faults:
        faults += _missing(tables)
    values = [value for table in tables if (value := _value(table, project, faults)) is not None]
    user = next((value for value in values if isinstance(value, UserTable)), None)
    if user is None:
        raise DeclarationError(faults)
    application = _application(user, values)
    names = {kind: frozenset(table.name for table in tables if table.kind == kind) for kind in KINDS}
    faults += disagreements(application, names)
    if faults:
        raise DeclarationError(faults)
    return completed(application)


def _application(user: UserTable, values: Iterable[Declared]) -> Application:
    values = list(values)

    def of(kind: type[Value]) -> tuple[Value, ...]:
        return tuple(value for value in values if isinstance(value, kind))

    return Application(
        user=user,
        views=of(View),
        regions=of(Region),
        dimensions=of(LabelledDimension),
        metrics=of(Metric),
        lists=of(Listing),
        dashboards=of(Dashboard),
    )


def _once(tables: Iterable[Table]) -> tuple[list[Table], list[Fault]]:
    """Return each table that is declared for the first time, and a fault for each other one."""
    first: dict[tuple[str, str], Table] = {}
    faults = []
    for table in tables:
        other = first.setdefault((table.kind, table.name), table)
        if other is not table:
            faults.append(Fault(table.file, _path(table), f"it is declared in {other.file} too; keep one of them"))
    return list(first.values()), faults


def _missing(tables: Iterable[Table]) -> list[Fault]:
    kinds = {table.kind for table in tables}
    wanted = {
        "user": "the table [user] is missing: it says whose dashboards these are",
        "view": 'there is no view; the least is [view.NAME] with table, time and measures = { rows_seen = "count" }',
    }
    return [Fault(FIRST_FILE, kind, sentence) for kind, sentence in wanted.items() if kind not in kinds]


def _value(table: Table, project: Path, faults: list[Fault]) -> Declared | None:
    reader = Reader(table.file)
    read: dict[str, Callable[[str, Any], Declared | None]] = {
        "user": lambda _, content: reader.user(content),
        "view": reader.view,
        "region": reader.region,
        "dimension": reader.dimension,
        "metric": reader.metric,
        "list": reader.listing,
        "dashboard": reader.dashboard,
    }
    value = read[table.kind](table.name, table.content)
    if isinstance(value, View) and value.select is not None:
        value = _with_select(value, project, reader)
    faults += reader.faults
    return value


def _with_select(view: View, project: Path, reader: Reader) -> View:
    """Return a view with the text of its file ``select``."""
    text = read_script(project, str(view.select))
    if not isinstance(text, Fault):
        return view.model_copy(update={"select_text": text})
    where = f"{text.path}, " if text.path != WHOLE_FILE else ""
    reader.fault(("view", view.name, "select"), f"{view.select}: {where}{text.sentence}")
    return view


def _path(table: Table) -> str:
    return dotted((table.kind, table.name)) if table.name else table.kind
