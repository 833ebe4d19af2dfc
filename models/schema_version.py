"""Compares the database's schema with this code's revisions, without importing alembic (0.8 s).

Invariant: the expected revisions are read from the revision files, never from a constant that could become outdated. If
the files are not installed, only the schema's presence is required.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.errors import NotMigrated

VERSION_TABLE = "public.frontview_alembic_version"
_VERSIONS = Path(__file__).resolve().parent.parent / "alembic" / "versions"
_LINKS = ("down_revision", "depends_on")
_PRESENCE = sa.text(
    """
    SELECT to_regclass('frontview.view_state') IS NOT NULL,
           CASE WHEN to_regclass(:version_table) IS NULL THEN NULL
                ELSE has_table_privilege(:version_table, 'SELECT') END
    """
)
_APPLIED = sa.text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608  a constant # nosec B608

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


def schema_state(connection: Connection, versions: Path = _VERSIONS) -> SchemaState:
    """Return how the schema behind ``connection`` compares with the revision files in ``versions``.

    It takes two short statements. If the role may not read the version table, the schema counts as migrated.
    """
    present, readable = connection.execute(_PRESENCE, {"version_table": VERSION_TABLE}).one()
    if not present:
        return SchemaState(False, "there is no frontview schema.")
    if readable is False:
        return SchemaState(True, "the version table may not be read by this role.")
    if readable is None:
        return compare(revision_graph(versions), ())
    return compare(revision_graph(versions), connection.execute(_APPLIED).scalars().all())


def require_migrated(connection: Connection, versions: Path = _VERSIONS) -> None:
    """Raise unless the schema behind ``connection`` holds every revision of this code.

    :raises NotMigrated: with the revisions that are missing.
    """
    state = schema_state(connection, versions)
    if not state.migrated:
        raise NotMigrated(state.detail)


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
def revision_graph(versions: Path = _VERSIONS) -> Graph:
    """Return every revision of the files in ``versions`` with the revisions it depends on."""
    found = (_revision(path) for path in sorted(versions.glob("*.py")))
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
