"""Which peers that are extensions a server has; they are installed in a question's own database and nowhere else.

Invariant: never required, and nothing of theirs is kept here: a server without them is a line of the table.
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
