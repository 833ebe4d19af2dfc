"""Database URLs as libpq reads them: several hosts, sockets, options; what cannot be read is said without a secret."""

from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy.engine import make_url

from models.engine import connect, make_engine
from models.errors import ConfigurationError
from models.settings import load_settings

NAME = "frontview-test"
SHOWN = "SELECT current_setting('work_mem'), current_setting('statement_timeout'), current_setting('search_path')"


def direct(url: str) -> tuple[str, ...]:
    with closing(connect(url, NAME)) as connection:
        return connection.execute(SHOWN).fetchone() or ()


def pooled(url: str, **options: bool) -> tuple[str, ...]:
    engine = make_engine(url, NAME, **options)
    try:
        with engine.connect() as connection:
            return tuple(connection.exec_driver_sql(SHOWN).one())
    finally:
        engine.dispose()


KINDS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "direct": direct,
    "pooled": pooled,
    "through a pooler": lambda url: pooled(url, through_pooler=True),
}


def authority(url: str, hosts: str, query: str) -> str:
    """Return the URL of the embedded server with hosts where people write them."""
    socket = str(make_url(url).query["host"]).replace("/", "%2F")
    return f"postgresql://postgres@{hosts.format(socket=socket)}/{make_url(url).database}?{query}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_failover_url_leads_to_the_host_that_answers(database_url: str, kind: str) -> None:
    url = authority(database_url, "%2Fnowhere:5432,{socket}:5432", "target_session_attrs=read-write")
    assert KINDS[kind](str(load_settings(database_url=url).database_url))


@pytest.mark.parametrize("kind", KINDS)
def test_options_of_the_url_hold_beside_ours(database_url: str, kind: str) -> None:
    options = "options=-c%20work_mem%3D7MB%20-c%20search_path%3Delsewhere"
    url = authority(database_url, "{socket}", options)
    found = KINDS[kind](str(load_settings(database_url=url).database_url))
    assert found == ("7MB", "0", "public, pg_temp")


@pytest.mark.parametrize("kind", ["direct", "pooled"])
def test_options_of_the_environment_hold_beside_ours(
    database_url: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=7MB -c statement_timeout=40s")
    assert KINDS[kind](database_url) == ("7MB", "0", "public, pg_temp")


def test_values_with_blanks_arrive_whole(database_url: str) -> None:
    session = {"search_path": r'"a b", "back\slash"'}
    with closing(connect(database_url, NAME, session)) as connection:
        assert connection.execute("SELECT current_setting('search_path')").fetchone() == tuple(session.values())


@pytest.mark.parametrize(
    "url",
    [
        "localhost:5432/db",
        "postgresql://me:pass%zzword@h/db",
        "postgresql://me:pass@word@h/db",
        "postgresql://me:pass/word@h/db",
        "postgresql://me:password@h/db?nothing_that_libpq_knows=password",
        "postgresql://me:password@h:port/db",
    ],
)
def test_what_libpq_cannot_read_is_said_in_one_sentence_without_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="FRONTVIEW_DATABASE_URL: not a database URL that libpq") as caught:
        load_settings(database_url=url)
    assert len(caught.value.faults) == 1
    assert "word@" not in str(caught.value).replace("user:password@host", "")
    assert "pass%zz" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_name_of_the_driver_is_understood(scheme: str) -> None:
    assert load_settings(database_url=f"{scheme}://me@h/db").database_url == "postgresql://me@h/db"


def test_another_driver_is_named() -> None:
    with pytest.raises(ConfigurationError, match="the driver 'mysql' is not PostgreSQL"):
        load_settings(database_url="mysql://me@h/db")
