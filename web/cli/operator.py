"""The connection that operators' commands use, and the name under which their requests are recorded."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from models import load_settings

if TYPE_CHECKING:
    from models.connection import Connection
    from models.user_key import UserKey


def asked_by() -> str:
    """Return ``cli:`` and the name of the operating system's user."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no name.
        name = str(os.getuid())
    return f"cli:{name}"


@contextmanager
def operator_connection() -> Iterator["Connection"]:
    """Yield a connection to the configured database, in autocommit."""
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415

    with connect(direct_url(load_settings()), "frontview-operator") as connection:
        yield connection


def user_of(connection: "Connection", text: str) -> "UserKey":
    """Return the key that ``text`` spells in the database's kind of user keys; a usage error if it spells none."""
    from models.user_key import read_user_kind  # noqa: PLC0415

    try:
        return read_user_kind(connection).parse(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}", param_hint="--user") from None


def has_leader(connection: "Connection") -> bool:
    """Return whether a refresher leads now."""
    from refresher.leader.leadership import LEADER_LOCK, LOCK_CLASS  # noqa: PLC0415
    from web.operators.system_state import LEADER  # noqa: PLC0415

    return connection.execute(LEADER, (LOCK_CLASS, LEADER_LOCK)).fetchone() is not None
