"""The seeded database of a scale, made when it does not exist yet.

Invariant: its name holds its scale, the day it was seeded on and a hash of the schema's files: questions need data that
ends today, and changed SQL is never measured in a database that older SQL made.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

from psycopg import sql

from bench.system.application import ROOT
from bench.system.scale import Scale
from bench.system.seeded import drop, populate
from bench.system.server import Server
from models.engine import connect


def seeded_template(server: Server, scale: Scale, advance: Callable[[int], None]) -> str:
    """Return the name of the database that questions clone."""
    name = f"seed_{scale.name}_{datetime.now(UTC):%Y%m%d}_{_schema_fingerprint()}"
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


def _schema_fingerprint() -> str:
    """Return a short hash of everything that decides what a migrated and seeded database holds."""
    digest = hashlib.sha256()
    for pattern in (
        "alembic/versions/*.py",
        "alembic/bundled/*.py",
        "models/*.py",
        "views_sql/**/*.sql",
        "views_sql/**/*.py",
        "web/voice/seed/*.py",
    ):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]
