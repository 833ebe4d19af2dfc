"""How roles come and go: created by any role that may, shared by databases, dropped when nothing depends on them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from models.settings import load_settings
from tests.fix_postgres import ROOT, Server, migrate
from tests.neutral.application import in_project, make_tables
from tests.neutral.reads import READS
from tests.schema_snapshot import schema_snapshot
from tests.views_sql.roles_stage import ROLES, Cast, cast, existing_roles, grant_roles, without_roles
from web.doctor import examine

pytestmark = pytest.mark.proof  # roles belong to a whole server

MISSING = "SELECT count(*) FROM frontview.missing_rights()"


@pytest.fixture
def bare_cluster(any_server: Server) -> Iterator[Server]:
    """A cluster without the roles."""
    with without_roles(any_server):
        yield any_server


def migrate_core(url: str) -> None:
    """Migrate the core alone: it makes the roles."""
    migrate(url, "core@head")


def missing(found: Cast) -> Any:
    with found.session("owner") as owner:
        row = owner.execute(MISSING).fetchone()
        return row[0] if row else None


def test_a_migrating_role_that_may_create_roles_makes_them_and_takes_them_away(bare_cluster: Server) -> None:
    with cast(bare_cluster, install=None) as found:
        before = schema_snapshot(found.admin)
        migrate_core(found.owner)
        assert existing_roles(bare_cluster) == set(ROLES)
        assert missing(found) == 0
        with found.session("admin") as admin:
            assert not admin.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = ANY (%s) AND rolcanlogin", (list(ROLES),)
            ).fetchall()

        migrate(found.owner, "core@base", down=True)

        assert existing_roles(bare_cluster) == set()
        assert schema_snapshot(found.admin) == before


def test_roles_that_have_members_stay(bare_cluster: Server) -> None:
    with cast(bare_cluster, install=migrate_core) as found:
        migrate(found.owner, "core@base", down=True)

        assert existing_roles(bare_cluster) == {"frontview_refresher", "frontview_web"}


def test_roles_that_another_database_uses_stay(bare_cluster: Server) -> None:
    with cast(bare_cluster) as other, cast(bare_cluster, install=None) as found:
        migrate_core(found.owner)
        migrate(found.owner, "core@base", down=True)

        assert {"frontview_refresher", "frontview_web"} <= existing_roles(bare_cluster)
        assert missing(other) == 0
        with other.session("web") as web:
            read = READS["loans"].format(user=1, base=False)
            assert web.execute(f"SELECT body FROM {read}".encode()).fetchone() == (None,)


def test_two_databases_that_create_the_roles_at_once(bare_cluster: Server, environment: Callable[[str], Any]) -> None:
    with cast(bare_cluster, install=None) as one, cast(bare_cluster, install=None) as another:
        command = [sys.executable, "-m", "alembic", "upgrade", "core@head"]
        started = [
            subprocess.Popen(command, cwd=ROOT, env=environment(url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for url in (one.owner, another.owner)
        ]
        said = [process.communicate(timeout=90)[0] for process in started]

        assert [process.returncode for process in started] == [0, 0], said
        assert existing_roles(bare_cluster) == set(ROLES)
        assert missing(one) == missing(another) == 0


@pytest.fixture
def environment() -> Callable[[str], dict[str, str]]:
    import os  # noqa: PLC0415

    return lambda url: {**os.environ, "FRONTVIEW_DATABASE_URL": url}


def test_without_the_right_to_create_roles_one_role_does_everything_until_they_come(
    bare_cluster: Server, tmp_path: Path
) -> None:
    with cast(bare_cluster, may_create_roles=False, install=None) as found:
        make_tables(found.owner)
        in_project(found.owner, tmp_path, "plan --write")
        said = in_project(found.owner, tmp_path, "migrate")
        assert "no role frontview_owner, frontview_refresher, frontview_web" in said
        assert existing_roles(bare_cluster) == set()
        assert findings(found.owner)["roles"].outcome == "warn"
        assert findings(found.owner)["may refresh"].outcome == "pass"

        with found.session("admin") as admin:
            for role in ROLES:
                admin.execute(f"CREATE ROLE {role}".encode())
        assert "CREATE ROLE" not in findings(found.owner)["roles"].remedy
        said = in_project(found.owner, tmp_path, "migrate")

        assert "Rights given to roles" in said
        assert missing(found) == 0
        grant_roles(found)
        assert findings(found.owner)["roles"].outcome == "pass"
        with found.session("web") as web:
            read = f"SELECT body FROM {READS['loans'].format(user=1, base=False)}"
            assert web.execute(read.encode()).fetchone() == (None,)


def findings(url: str) -> dict[str, Any]:
    settings = load_settings(database_url=url, jwt_secret="x" * 40)
    return {finding.subject: finding for finding in examine(settings, lambda: psycopg.connect(url, autocommit=True))}


def test_an_owner_without_login_owns_everything(any_server: Server) -> None:
    """docs/security.md: who migrates becomes `frontview_owner` for it."""
    assert any_server.template  # Its migration has made the roles.
    with cast(any_server, may_create_roles=False, install=None) as found:
        name = found.owner.split("//")[1].split("@")[0].split(":")[0]
        with found.session("admin") as admin:
            database = admin.info.dbname
            for statement in (
                f"GRANT CREATE ON DATABASE {database} TO frontview_owner",
                "GRANT CREATE ON SCHEMA public TO frontview_owner",
                f"GRANT frontview_owner TO {name}",
                f"ALTER ROLE {name} IN DATABASE {database} SET role = 'frontview_owner'",
            ):
                admin.execute(statement.encode())
        migrate_core(found.owner)
        with found.session("admin") as admin:
            owners = admin.execute(
                "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace IN "
                "('frontview'::regnamespace, 'public'::regnamespace)"
            ).fetchall()
            assert owners == [("frontview_owner",)]
            assert admin.execute(MISSING).fetchone() == (0,)
