"""Compares the database's schema with this code's revisions, without importing alembic (0.8 s).

Invariant: the expected revisions are read from the revision files, never from a constant that could become outdated. If
the files are not installed, only the schema's presence is required.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.errors import NotMigrated

VERSION_TABLE = "public.frontview_alembic_version"
PROJECT_PREFIX, BUNDLED_PREFIX = "project_", "app_"  # Names of revisions of a project, and of the bundled application.
_ALEMBIC = Path(__file__).resolve().parent.parent / "alembic"
_VERSIONS = (_ALEMBIC / "versions", _ALEMBIC / "bundled")
_LINKS = ("down_revision", "depends_on")
_PRESENCE = sa.text(
    """
    SELECT to_regclass('frontview.view_state') IS NOT NULL,
           CASE WHEN to_regclass(:version_table) IS NULL THEN NULL
                ELSE has_table_privilege(:version_table, 'SELECT') END
    """
)
_APPLIED = sa.text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608  a constant # nosec B608

# The core for which the newest declaration was made; its row in the version table is gone, since others depend on it.
_CORE = sa.text("SELECT resolved ->> 'core' FROM frontview.declaration ORDER BY number DESC LIMIT 1")

Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The database's schema compared with this code.

    :param migrated: whether the code can work with it.
    :param detail: a sentence for the operator; empty if the two are equal.
    :param applied: the database's revisions, None if they cannot be read.
    :param missing: revisions of this code that the database lacks.
    """

    migrated: bool
    detail: str = ""
    applied: frozenset[str] | None = None
    missing: frozenset[str] = frozenset()


def schema_state(connection: Connection, versions: tuple[Path, ...] = _VERSIONS) -> SchemaState:
    """Return how the schema behind ``connection`` compares with the revision files in ``versions``.

    It takes two or three short statements. If the role may not read the version table, the schema counts as migrated.
    Where a project's revisions are applied, only the core is compared: the project's files need not be here. Where none
    are, the bundled application is compared only if it is there: a database may have no application.
    """
    present, readable = connection.execute(_PRESENCE, {"version_table": VERSION_TABLE}).one()
    if not present:
        return SchemaState(False, "there is no frontview schema.")
    if readable is False:
        return SchemaState(True, "the version table may not be read by this role.")
    applied = frozenset() if readable is None else frozenset(connection.execute(_APPLIED).scalars())
    graph = revision_graph(*versions)
    if any(name.startswith(BUNDLED_PREFIX) for name in applied):
        return compare(graph, applied)
    graph = {name: parents for name, parents in graph.items() if not name.startswith(BUNDLED_PREFIX)}
    if not any(name.startswith(PROJECT_PREFIX) for name in applied):
        return compare(graph, applied)
    core = connection.execute(_CORE).scalars().all() or sorted(graph)
    of_core = compare(graph, {*core, *(name for name in applied if name in graph)})
    return replace(of_core, applied=applied)


def require_migrated(connection: Connection, versions: tuple[Path, ...] = _VERSIONS) -> None:
    """Raise unless the schema behind ``connection`` holds every revision of this code.

    :raises NotMigrated: with the revisions that are missing.
    """
    state = schema_state(connection, versions)
    if not state.migrated:
        raise NotMigrated(state.detail)


def newest_of_core(versions: Path = _VERSIONS[0]) -> str:
    """Return the newest revision of the core that this code has."""
    return max(name for name in revision_graph(versions) if name.startswith("core_"))


def compare(graph: Graph, applied: Iterable[str]) -> SchemaState:
    """Return whether ``applied`` (rows of the version table) covers every revision of ``graph``.

    A revision that the code does not know means that the schema is newer than this code, as during a rolling upgrade;
    it is reported and not refused.
    """
    names = frozenset(applied)
    if not graph:
        return SchemaState(True, "the revision files are not installed; versions were not compared.", names)
    if unknown := names - graph.keys():
        return SchemaState(True, f"the schema is newer than this code ({_listed(unknown)}).", names)
    if missing := frozenset(graph) - _with_ancestors(graph, names):
        return SchemaState(False, f"{_listed(missing)} not applied.", names, missing)
    return SchemaState(True, "", names)


@cache
def revision_graph(*versions: Path) -> Graph:
    """Return every revision of the files in some folders, by default this code's, with those that it depends on."""
    found = (_revision(path) for folder in versions or _VERSIONS for path in sorted(folder.glob("*.py")))
    return {name: parents for name, parents in found if name}


def _revision(path: Path) -> tuple[str, frozenset[str]]:
    """Return the revision that a file declares and its parents; ("", …) if it declares none."""
    values = dict(_assignments(ast.parse(path.read_text(encoding="utf-8"), str(path))))
    parents = frozenset(name for link in _LINKS for name in _names(values.get(link)))
    return str(values.get("revision") or ""), parents


def _assignments(module: ast.Module) -> Iterable[tuple[str, object]]:
    wanted = ("revision", *_LINKS)
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in wanted:
                yield name, ast.literal_eval(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in wanted:
                yield name, ast.literal_eval(value)


def _names(link: object) -> tuple[str, ...]:
    if isinstance(link, str):
        return (link,)
    return tuple(link) if isinstance(link, (tuple, list)) else ()


def _with_ancestors(graph: Graph, names: frozenset[str]) -> frozenset[str]:
    covered: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in graph and name not in covered:
            covered.add(name)
            waiting.extend(graph[name])
    return frozenset(covered)


def _listed(names: frozenset[str]) -> str:
    return ("revision " if len(names) == 1 else "revisions ") + ", ".join(sorted(names))
