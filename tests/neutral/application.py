"""The neutral application, installed as an engineer installs one: its tables, `frontview plan --write`, `migrate`.

Invariant: nothing here knows how either command works, or what it makes.
"""

import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from models.connection import Connection
from web.cli import main

HERE = Path(__file__).parent
LEND = (
    "INSERT INTO loan (member_id, day, branch, fee_cents) VALUES (%s, CURRENT_DATE - %s, (ARRAY['north'])[%s %% 2], %s)"
)
FILL = (
    "INSERT INTO desk SELECT g, 'Desk ' || g FROM generate_series(0, 2) g ON CONFLICT DO NOTHING",
    "INSERT INTO member (name, points) SELECT 'Member ' || g, g * 100 FROM generate_series(1, %(members)s) g",
    "INSERT INTO loan (member_id, day, branch, fee_cents) "
    "SELECT m.id, CURRENT_DATE - (g * 17) / 24, (ARRAY['north', 'south', NULL])[branch], 5 + g % 7 "
    "FROM member m, generate_series(1, 3) branch, generate_series(1, 120) g",
    "INSERT INTO renewal (loan_id, member_id, renewed_at, desk) "
    "SELECT id, member_id, day + interval '12 hours', id % 4 FROM loan WHERE id % 3 = 0",
)


def install(url: str) -> None:
    """Make the tables in an empty database, and everything that is declared over them."""
    with tempfile.TemporaryDirectory() as folder:
        install_from(url, Path(folder))


def install_from(url: str, folder: Path) -> None:
    """Do the same, and leave the project's revisions in a folder."""
    make_tables(url)
    for command in ("plan --write", "migrate"):
        in_project(url, folder, command)


def make_tables(url: str) -> None:
    """Make the tables, with nothing of Frontview."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((HERE / "tables.sql").read_bytes())


def in_project(url: str, folder: Path, command: str) -> str:
    """Run a command in a folder that has the declaration, and return what it prints."""
    shutil.copy(HERE / "frontview.toml", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRONTVIEW_DATABASE_URL", url)
        patch.chdir(folder)
        result = CliRunner().invoke(main, command.split(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def fill(connection: Connection, members: int = 5) -> None:
    """Write some members with loans of the last three months, a third of them renewed."""
    for statement in FILL:
        connection.execute(statement.encode(), {"members": members} if "%(" in statement else None)


def lend(connection: Connection, member: int, days_ago: int = 0, fee_cents: int = 1) -> None:
    """Write one loan of a member, at the branch of which those with odd keys are; the others lend at none."""
    connection.execute(LEND, (member, days_ago, member, fee_cents))
