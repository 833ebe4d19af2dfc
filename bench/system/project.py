"""A project over the tables of a seeded database: its declaration as a file, and the commands of an engineer in it.

Invariant: the database has what its commands made and nothing else of Frontview: the bundled application's own
declaration is taken back first, and its tables stay, as any application's do.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.config import Config

from bench.system.application import ROOT
from bench.system.processes import environment_for, plain_environment
from models.engine import connect, make_engine
from models.schema_version import VERSION_TABLE

TABLES_ONLY = "app_0001"
DECLARED = (ROOT / "views_sql" / "voice" / "frontview.toml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Project:
    """A folder with a declaration, and its database."""

    folder: Path
    url: str

    def declare(self, text: str) -> None:
        """Write the declaration, and the revisions that bring it."""
        (self.folder / "frontview.toml").write_text(text, encoding="utf-8")
        self.run("plan", "--write")

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run a command and return what it printed.

        :param fails: whether that is what it should do.
        :raises RuntimeError: it did something else.
        """
        environment = {**environment_for(self.url), "FRONTVIEW_PROJECT": str(self.folder)}
        done = subprocess.run(
            [sys.executable, "-m", "web.cli", *arguments],
            cwd=ROOT,
            env={**plain_environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if bool(done.returncode) is not fails:
            raise RuntimeError(f"frontview {' '.join(arguments)}: {(done.stderr or done.stdout)[-2000:]}")
        return done.stdout


@contextmanager
def project_over(url: str) -> Iterator[Project]:
    """Take the bundled declaration back, and yield a project in its place, without a declaration."""
    engine = make_engine(url, "frontview-bench-migrate")
    config = Config(str(ROOT / "alembic.ini"))
    with engine.begin() as migrating:
        config.attributes["connection"] = migrating
        command.downgrade(config, TABLES_ONLY)
    engine.dispose()
    with connect(url, "frontview-bench-project") as connection:
        connection.execute(f"DELETE FROM {VERSION_TABLE} WHERE version_num = %s".encode(), (TABLES_ONLY,))  # nosec B608  # a constant
    with TemporaryDirectory(prefix="frontview-bench-") as folder:
        yield Project(Path(folder), url)
