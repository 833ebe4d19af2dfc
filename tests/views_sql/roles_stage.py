"""The stage of the roles' tests: an ordinary owner migrates, and each role has a login of its own."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from models.connection import Connection
from tests.fix_postgres import NEUTRAL, Server

ROLES = ("frontview_owner", "frontview_refresher", "frontview_web")


@dataclass
class Cast:
    """Database URLs by who connects; ``admin`` is a superuser."""

    admin: str
    owner: str
    refresher: str
    web: str
    stranger: str

    def of(self, who: str) -> str:
        """Return the URL of ``owner``, ``refresher``, ``web``, ``stranger`` or ``admin``."""
        return str(getattr(self, who))

    @contextmanager
    def session(self, who: str) -> Iterator[Connection]:
        """Open an autocommit connection as ``who``."""
        with psycopg.connect(self.of(who), autocommit=True) as connection:
            yield connection


def as_login(url: str, name: str) -> str:
    """Return ``url`` with another user."""
    return make_url(url).set(username=name).render_as_string(hide_password=False)


@contextmanager
def cast(
    server: Server, *, may_create_roles: bool = True, install: Callable[[str], None] | None = NEUTRAL.install
) -> Iterator[Cast]:
    """Make a database owned by an ordinary role, which migrates it, and logins with one role each.

    :param install: how it migrates; None: it does not.
    """
    url, mark = server.create(None), uuid.uuid4().hex[:8]
    names = {who: f"{who}_{mark}" for who in ("owner", "refresher", "web", "stranger")}
    found = Cast(url, **{who: as_login(url, name) for who, name in names.items()})
    with psycopg.connect(url, autocommit=True) as admin:
        for who, name in names.items():
            option = "CREATEROLE" if who == "owner" and may_create_roles else ""
            admin.execute(f"CREATE ROLE {name} LOGIN {option}".encode())
        admin.execute(f"ALTER DATABASE {make_url(url).database} OWNER TO {names['owner']}".encode())
        try:
            if install is not None:
                install(found.owner)
                grant_roles(found)
            yield found
        finally:
            for name in names.values():
                admin.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER".encode())
                admin.execute(f"DROP OWNED BY {name}".encode())
            server.drop(url)
            with psycopg.connect(server.url, autocommit=True) as outside:
                for name in names.values():
                    outside.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER".encode())
                    outside.execute(f"DROP ROLE {name}".encode())


@pytest.fixture(scope="module")
def stage(any_server: Server) -> Iterator[Cast]:
    """A database that an ordinary owner has migrated, with a login of each role; its tests take back what they do."""
    with cast(any_server) as found:
        yield found


def grant_roles(found: Cast) -> None:
    """Grant the roles of refresher and web to the logins, as an administrator does."""
    with psycopg.connect(found.admin, autocommit=True) as admin:
        for who in ("refresher", "web"):
            admin.execute(f"GRANT frontview_{who} TO {make_url(found.of(who)).username}".encode())


@contextmanager
def without_roles(server: Server) -> Iterator[None]:
    """Let the cluster have none of the roles for a while; those that were made meanwhile are dropped."""
    there = existing_roles(server)
    with psycopg.connect(server.url, autocommit=True) as admin:
        for role in there:
            admin.execute(sql.SQL("ALTER ROLE {} RENAME TO {}").format(*map(sql.Identifier, (role, f"{role}_parked"))))
        try:
            yield
        finally:
            for role in ROLES:
                admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
            for role in there:
                admin.execute(
                    sql.SQL("ALTER ROLE {} RENAME TO {}").format(*map(sql.Identifier, (f"{role}_parked", role)))
                )


def existing_roles(server: Server) -> set[str]:
    """Return which of the roles the cluster has."""
    with psycopg.connect(server.url) as connection:
        return {
            row[0]
            for row in connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", (list(ROLES),))
        }
