"""Which revisions a database lacks, told from the revision files without alembic."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.schema_version import compare, revision_graph

FILES = {
    "core_0001.py": 'revision = "core_0001"\ndown_revision = None\ndepends_on = None\n',
    "core_0002.py": 'revision: str = "core_0002"\ndown_revision: str | None = "core_0001"\n',
    "app_0001.py": 'revision = "app_0001"\ndown_revision = None\ndepends_on = "core_0001"\n',
    "app_0002.py": 'revision = "app_0002"\ndown_revision = ("app_0001",)\ndepends_on = ["core_0002"]\n',
    "readme.py": '"""No revision."""\n',
}


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_files_make_a_graph(versions):
    assert revision_graph(versions) == {
        "core_0001": frozenset(),
        "core_0002": {"core_0001"},
        "app_0001": {"core_0001"},
        "app_0002": {"app_0001", "core_0002"},
    }


@pytest.mark.parametrize(
    ("applied", "missing"),
    [
        (["app_0002"], set()),  # alembic drops the row of a revision that an applied one depends on
        (["app_0002", "core_0002"], set()),
        (["app_0001", "core_0002"], {"app_0002"}),
        (["core_0001"], {"core_0002", "app_0001", "app_0002"}),
        ([], {"core_0001", "core_0002", "app_0001", "app_0002"}),
    ],
)
def test_what_is_applied_covers_its_ancestors(versions, applied, missing):
    state = compare(revision_graph(versions), applied)
    assert state.migrated == (not missing)
    assert state.missing == missing
    assert all(name in state.detail for name in missing)


def test_a_schema_newer_than_the_code_is_reported_and_not_refused(versions):
    state = compare(revision_graph(versions), ["app_0003"])
    assert state.migrated
    assert "app_0003" in state.detail


def test_without_files_nothing_is_compared(tmp_path):
    assert compare(revision_graph(tmp_path / "none"), []).migrated


def test_the_web_process_does_not_import_alembic():
    code = "import web.app, models.schema_version, sys; sys.exit('alembic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
