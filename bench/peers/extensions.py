"""The peers that are PostgreSQL extensions: installed in a question's own database where the server has them.

Invariant: they are never required, and this repository holds no code of them: for a server without one, a line of the
table says so.
"""

from psycopg import sql

from bench.findings.finding import Absence
from models.connection import Connection

AVAILABLE = "SELECT default_version FROM pg_available_extensions WHERE name = %s"


def install(connection: Connection, name: str) -> bool:
    """Create an extension where the server has it, and return whether it does."""
    if connection.execute(AVAILABLE, (name,)).fetchone() is None:
        return False
    connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))
    return True


def not_here(case: str, name: str) -> Absence:
    """Return the line that says that a peer could not be measured."""
    return Absence(case, name, "not on this server")
