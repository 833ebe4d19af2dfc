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
from views_sql.voice.catalog import CATALOG

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
    "tests/neutral/test_catalog.py": "what is loaded where no declaration is installed",
    "tests/refresher/test_bundled_chores.py": "only a catalog that is written by hand has chores",
    "tests/repository/test_architecture.py": "it lists the words",
    "tests/repository/test_neutral_tests.py": "it lists the words",
    "tests/repository/test_prose.py": "a word of plain English",
    "tests/views_sql/test_capture.py": "capture that is written by hand, and the days of the bundled application",
    "tests/web/cli/test_operators_of_a_project.py": "what is loaded where no declaration is installed",
    "tests/web/declared/conftest.py": "what is loaded where no declaration is installed",
    "tests/web/declared/test_documents.py": "what a declared application does not serve",
    "tests/web/doctor/test_declaration.py": "what is loaded where no declaration is installed",
    "tests/web/endpoints/test_documents.py": "dashboards that are written by hand, in the document",
    "tests/web/endpoints/test_reads.py": "dashboards that are written by hand, over HTTP",
    "tests/web/http/test_parameters.py": "parameters of dashboards that are written by hand",
    "tests/web/process/test_installed_application.py": "what is served where no declaration is installed",
    "tests/web/test_user_kinds.py": "dashboards that are written by hand, over a shop's tables",
    "tests/web/test_files_of_a_read.py": "its figures are those of a dashboard that is written by hand",
}
COMMON = {"users", "user_id", "agent", "performance", "analytics", "id", "name", "email", "timezone", "created_at"} | {
    *("day", "status", "score", "stage", "transfers", "is_active", "started_at", "seen_at", "seen_xid"),
}  # Also words of the core, or of everybody.
TABLES = [table for table in metadata.tables.values() if table.schema is None]
NAMES = {
    *(source.name for source in CATALOG.sources),
    *(view.name for view in CATALOG.views),
    *(dashboard.name for dashboard in CATALOG.dashboards),
    *(dashboard.function.rpartition(".")[2] for dashboard in CATALOG.dashboards),
    *(chore.rpartition(".")[2] for chore in CATALOG.chores),
    *(name for table in TABLES for name in (table.name, *table.columns.keys())),
} - COMMON
MODULES = ("models.voice", "views_sql.voice", "web.voice", "tests.voice_stage")
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
        "x = 'frontview.call_daily_live'.split('_live')",
        "read('overview')",
        "x = 'INSERT INTO users VALUES (1)'",
        "from views_sql.voice.catalog import CATALOG",
        "from tests.voice_stage import VOICE",
    ],
)
def test_names_are_found_wherever_they_are(code: str) -> None:
    assert set(named(ast.parse(code)))


@pytest.mark.parametrize("code", ['"""Calls of agents."""', "x = 'SELECT users FROM loan'", "calls = 1"])
def test_what_is_everybodys_is_let_be(code: str) -> None:
    assert not set(named(ast.parse(code)))
