"""The seeded database of a scale, made when it is not there yet.

Invariant: it is named for its scale and the day it was seeded on: tomorrow's questions need tomorrow's data.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from psycopg import sql

from bench.scale import Scale
from bench.seeded import drop, populate
from bench.server import Server
from models.engine import connect


def seeded_template(server: Server, scale: Scale, advance: Callable[[int], None]) -> str:
    """Return the name of the database that questions clone."""
    name = f"seed_{scale.name}_{datetime.now(UTC):%Y%m%d}"
    with connect(server.url, "frontview-bench-template") as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return name
        unfinished = f"{name}_unfinished"
        drop(server.url, unfinished)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
        populate(server.at(unfinished), scale, advance)
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        connection.execute(rename.format(sql.Identifier(unfinished), sql.Identifier(name)))
    return name
