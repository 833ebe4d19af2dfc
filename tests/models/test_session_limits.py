"""What limits a session and cannot be lifted by it is named, with its value and what to do."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from sqlalchemy.engine import make_url

from models.engine import connect
from models.session_limits import session_limits
from tests.fix_postgres import Server


@pytest.fixture
def limited(embedded_server: Server) -> Iterator[str]:
    """The URL of a database in which the login and the database have limits."""
    url = embedded_server.create(None)
    name = str(make_url(url).database)
    with psycopg.connect(url, autocommit=True) as admin:
        for statement in (
            f"CREATE ROLE limited_{name} LOGIN CONNECTION LIMIT 3",
            f"ALTER ROLE limited_{name} SET temp_file_limit = '64MB'",
            f"ALTER ROLE limited_{name} SET statement_timeout = '300ms'",
            f"ALTER DATABASE {name} CONNECTION LIMIT 4",
        ):
            admin.execute(statement.encode())
    yield make_url(url).set(username=f"limited_{name}").render_as_string(hide_password=False)
    embedded_server.drop(url)
    with psycopg.connect(embedded_server.url, autocommit=True) as admin:
        admin.execute(f"DROP ROLE limited_{name}".encode())


def test_limits_of_role_and_database_are_named_with_what_to_do(limited: str) -> None:
    with closing(connect(limited, "frontview-test")) as connection:
        found = session_limits(connection, 4)
    role = make_url(limited).username
    assert len(found) == 2
    assert found[0].startswith("temp_file_limit is 64MB")
    assert found[0].endswith(f"ALTER ROLE {role} SET temp_file_limit = -1")
    assert found[1].startswith(f"ROLE {role} has CONNECTION LIMIT 3, and 4 connections are needed")


def test_a_setting_that_is_not_as_we_asked_for_is_named(limited: str) -> None:
    """As if something between had changed it: this connection did not ask."""
    with psycopg.connect(limited, autocommit=True) as connection:
        found = session_limits(connection, 3)
    assert any(line.startswith("statement_timeout is '300ms', although Frontview asked for '0'") for line in found)


def test_without_limits_nothing_is_named(empty_url: str) -> None:
    with closing(connect(empty_url, "frontview-test")) as connection:
        assert session_limits(connection, 1000) == []
