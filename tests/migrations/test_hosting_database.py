"""Migrations in databases as they are hosted: they land where they belong, or one sentence says why they cannot."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url

from models.errors import MigrationError
from tests.fix_postgres import Server
from tests.fix_postgres import migrate as migrate_to
from tests.models.test_suitable_database import FORCED, run_as, secured
from tests.neutral.application import install_from, make_tables
from tests.schema_snapshot import schema_snapshot
from tests.views_sql.roles_stage import cast
from views_sql.declaration.fault import DeclarationError
from web.cli import main
from web.cli.migrate import upgrade

LANDED = "SELECT to_regclass('frontview.loans_1_live'), to_regclass('public.frontview_alembic_version')"


class Hosted:
    """An empty database that belongs to a login of its own."""

    def __init__(self, server: Server, role: str) -> None:
        self.server, self.role, self.url = server, role, server.create(None)
        self.name = str(make_url(self.url).database)
        self.own_url = make_url(self.url).set(username=role).render_as_string(hide_password=False)
        self.run(f"CREATE ROLE {role} LOGIN", f"ALTER DATABASE {self.name} OWNER TO {role}")

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as admin:
            for statement in statements:
                admin.execute(statement.encode())

    def close(self) -> None:
        self.server.drop(self.url)
        with psycopg.connect(self.server.url, autocommit=True) as admin:
            admin.execute(f"DROP ROLE {self.role}".encode())


@pytest.fixture
def host(embedded_server: Server) -> Iterator[Callable[..., Hosted]]:
    made: list[Hosted] = []

    def make(role: str | None = None) -> Hosted:
        made.append(Hosted(embedded_server, role or f"login_{uuid.uuid4().hex[:8]}"))
        return made[-1]

    yield make
    for hosted in made:
        hosted.close()


@pytest.fixture(scope="module")
def revisions(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The neutral application's project with its revisions."""
    folder = tmp_path_factory.mktemp("project")
    url = embedded_server.create(None)
    install_from(url, folder)
    embedded_server.drop(url)
    return folder


@pytest.fixture
def migrate(monkeypatch: pytest.MonkeyPatch, revisions: Path) -> Callable[[str], Result]:
    def run(url: str) -> Result:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", url)
        monkeypatch.setenv("FRONTVIEW_PROJECT", str(revisions))
        return CliRunner().invoke(main, ["migrate"])

    return run


def landed(hosted: Hosted) -> bool:
    with psycopg.connect(hosted.url) as connection:
        return None not in (connection.execute(LANDED).fetchone() or (None,))


def test_a_login_called_as_our_schema_migrates_into_public(
    host: Callable[..., Hosted], migrate: Callable[[str], Result]
) -> None:
    hosted = host("frontview")
    make_tables(hosted.own_url)
    result = migrate(hosted.own_url)
    assert (result.exit_code, landed(hosted)) == (0, True), result.output


def test_a_search_path_that_leads_elsewhere_is_not_followed(
    host: Callable[..., Hosted], migrate: Callable[[str], Result]
) -> None:
    hosted = host()
    make_tables(hosted.own_url)
    hosted.run(
        f"CREATE SCHEMA app AUTHORIZATION {hosted.role}",
        f"ALTER DATABASE {hosted.name} SET search_path = app, public",
        f"ALTER ROLE {hosted.role} SET default_transaction_read_only = on",
    )
    result = migrate(hosted.own_url)
    assert (result.exit_code, landed(hosted)) == (0, True), result.output
    assert migrate(hosted.own_url).exit_code == 0


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DROP SCHEMA public", "has no schema public"),
        ("REVOKE CREATE ON SCHEMA public FROM pg_database_owner", "GRANT CREATE ON SCHEMA public TO "),
        ("ALTER DATABASE {name} OWNER TO CURRENT_USER", "GRANT CREATE ON DATABASE {name} TO "),
        ("CREATE SCHEMA frontview", "has a schema frontview, but no public.frontview_alembic_version"),
    ],
)
def test_what_stands_in_the_way_is_said_in_one_sentence_and_nothing_is_made(
    host: Callable[..., Hosted], migrate: Callable[[str], Result], statement: str, words: str
) -> None:
    hosted = host()
    hosted.run(statement.format(name=hosted.name))
    before = schema_snapshot(hosted.url)
    result = migrate(hosted.own_url)
    assert result.exit_code == 1
    assert ": The database cannot be migrated" in result.output
    assert words.format(name=hosted.name) in result.output
    assert result.output.count("\n") == 1
    assert schema_snapshot(hosted.url) == before


def test_a_table_that_has_the_name_of_a_bundled_one_is_said_in_one_sentence(
    host: Callable[..., Hosted], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted = host()
    hosted.run("CREATE TABLE public.users (id bigint)")
    before = schema_snapshot(hosted.url)
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", hosted.own_url)
    with pytest.raises(MigrationError, match='nothing was changed: relation "users" already exists'):
        upgrade()
    assert schema_snapshot(hosted.url) == before


def test_a_url_without_a_project_is_said_in_one_sentence(
    host: Callable[..., Hosted], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hosted = host()
    before = schema_snapshot(hosted.url)
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", hosted.own_url)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["migrate"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: There is no project here")
    assert result.output.endswith("FRONTVIEW_PROJECT. For the bundled application run `frontview demo`.\n")
    assert schema_snapshot(hosted.url) == before


def test_a_migration_that_is_refused_leaves_nothing_and_its_undoing_is_not_refused(any_server: Server) -> None:
    with cast(any_server, install=None) as found:
        migrate_to(found.owner, "app_0001")
        with secured(found.owner, FORCED, "public.calls"):
            before = schema_snapshot(found.owner)
            with pytest.raises(DeclarationError, match="has row level security that binds this role"):
                migrate_to(found.owner)
            assert schema_snapshot(found.owner) == before
        migrate_to(found.owner)
        run_as(found.owner, FORCED.format(table="calls"))
        migrate_to(found.owner, "app_0001", down=True)
