"""Who asks on the command line, and the connection that operators' commands use."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from models import load_settings

if TYPE_CHECKING:
    from models.connection import Connection

LEADER = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def asked_by() -> str:
    """Return ``cli:`` and the user of the operating system."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = str(os.getuid())
    return f"cli:{name}"


@contextmanager
def operator_connection() -> Iterator["Connection"]:
    """Yield a connection to the configured database, in autocommit."""
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415

    with connect(direct_url(load_settings()), "frontview-operator") as connection:
        yield connection


def somebody_leads(connection: "Connection") -> bool:
    """Return whether a refresher leads."""
    from refresher.leader.leadership import LEADER_LOCK, LOCK_CLASS  # noqa: PLC0415

    row = connection.execute(LEADER, (LOCK_CLASS, LEADER_LOCK)).fetchone()
    return bool(row and row[0])
