"""A project's files as one value, or every fault of all of them."""

from collections.abc import Iterable
from pathlib import Path

from views_sql.declaration.agreement import completed, disagreements
from views_sql.declaration.application import FIRST_FILE, Application, Region, UserTable, View
from views_sql.declaration.fault import DeclarationError, Fault
from views_sql.declaration.files import Table, read_script, tables_of
from views_sql.declaration.sentences import dotted
from views_sql.declaration.tables import Reader
from views_sql.declaration.toml_text import WHOLE_FILE


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
    views = [value for value in values if isinstance(value, View)]
    regions = [value for value in values if isinstance(value, Region)]
    if user is not None:
        faults += disagreements(user, views, (table.name for table in tables if table.kind == "region"))
    if faults or user is None:
        raise DeclarationError(faults)
    return completed(user, views, regions)


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


def _value(table: Table, project: Path, faults: list[Fault]) -> UserTable | View | Region | None:
    reader = Reader(table.file)
    value: UserTable | View | Region | None
    if table.kind == "user":
        value = reader.user(table.content)
    elif table.kind == "region":
        value = reader.region(table.name, table.content)
    elif (value := reader.view(table.name, table.content)) is not None and value.select is not None:
        text = read_script(project, value.select)
        if isinstance(text, Fault):
            where = f"{text.path}, " if text.path != WHOLE_FILE else ""
            reader.fault(("view", table.name, "select"), f"{value.select}: {where}{text.sentence}")
        else:
            value = value.model_copy(update={"select_text": text})
    faults += reader.faults
    return value


def _path(table: Table) -> str:
    return dotted((table.kind, table.name)) if table.name else table.kind
