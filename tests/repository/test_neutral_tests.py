"""The core's tests stand on the neutral application: they name nothing of the bundled one, so they run without it.

Invariant: every file under tests/ is one of the core, of the bundled application, or a listed exception that needs to
be one.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import models.voice  # noqa: F401  declares the tables
from models.base import metadata
from tests.repository.test_architecture import imports, relative, words
from views_sql.declaration.project import read_project

TESTS = Path(__file__).resolve().parents[1]
# Folders and files of tests that are about the bundled application, or drive it as a whole.
OF_THE_BUNDLED = (
    "tests/acceptance",
    "tests/bench",
    "tests/browser",
    "tests/faults",
    "tests/migrations",
    "tests/oracle/base_tables.py",
    "tests/oracle/reads.py",
    "tests/voice_stage.py",
    "tests/web/voice",
)
# Tests of the core that name it, and why.
EXCEPTIONS = {
    "tests/hosts/rails/host.py": "a table of users, as Rails calls it",
    "tests/repository/test_architecture.py": "it lists the words",
    "tests/repository/test_neutral_tests.py": "it lists the words",
    "tests/repository/test_prose.py": "a word of plain English",
    "tests/web/declared/test_documents.py": "what another application does not serve",
    "tests/web/load/test_iso_dates.py": "the files that it loads are for tables of the bundled application",
    "tests/web/load/test_load.py": "the files that it loads are for tables of the bundled application",
    "tests/web/process/test_installed_application.py": "a question that any process may be asked",
}
COMMON = {
    "users",
    "user_id",
    "agent",
    "performance",
    "analytics",
    "leads",
    "id",
    "name",
    "email",
    "timezone",
    "created_at",
} | {
    *("day", "status", "score", "stage", "transfers", "is_active", "started_at", "seen_at", "seen_xid"),
}  # Also words of the core, or of everybody.
TABLES = [table for table in metadata.tables.values() if table.schema is None]
DECLARED = read_project(TESTS.parent / "views_sql" / "voice")
NAMES = {
    *(it.name for it in (*DECLARED.views, *DECLARED.dashboards, *DECLARED.lists)),
    *(name for table in TABLES for name in (table.name, *table.columns.keys())),
} - COMMON
MODULES = ("models.voice", "web.voice", "tests.voice_stage")
NAMED = re.compile(rf"(?<![a-z])({'|'.join(sorted(NAMES, key=len, reverse=True))})(?![a-z])")
USERS = re.compile(r"\b(from|into|update|table|on|join) (public\.)?users\b", re.IGNORECASE)
FILES = sorted(path for path in TESTS.rglob("*.py") if not relative(path).startswith(OF_THE_BUNDLED))


def named(tree: ast.AST) -> Iterator[str]:
    """Yield what a file names of the bundled application: in strings, and by import."""
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    said = set(words(tree))
    for text in texts:
        if text in said:  # no docstring
            yield from (match.group() for match in NAMED.finditer(text))
            yield from (match.group() for match in USERS.finditer(text))
    yield from (module for module in imports(tree) if module.startswith(MODULES))


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_test_of_the_core_names_nothing_of_the_bundled_application(path: Path) -> None:
    found = set(named(ast.parse(path.read_text())))
    assert bool(found) == (relative(path) in EXCEPTIONS), sorted(found)


@pytest.mark.parametrize("path", [*OF_THE_BUNDLED, *EXCEPTIONS])
def test_each_listed_file_is_there(path: str) -> None:
    assert (TESTS.parent / path).exists()


@pytest.mark.parametrize(
    "code",
    [
        "x = 'SELECT 1 FROM calls'",
        "x = f'UPDATE agents SET x = {x}'",
        "x = 'frontview.quality_1_live'.split('_live')",
        "read('overview')",
        "x = 'INSERT INTO users VALUES (1)'",
        "from models.voice import calls",
        "from tests.voice_stage import VOICE",
    ],
)
def test_names_are_found_wherever_they_are(code: str) -> None:
    assert set(named(ast.parse(code)))


@pytest.mark.parametrize("code", ['"""Calls of agents."""', "x = 'SELECT users FROM loan'", "calls = 1"])
def test_what_is_everybodys_is_let_be(code: str) -> None:
    assert not set(named(ast.parse(code)))
