"""The command line: quick help, one line for expected errors, tokens."""

import subprocess
import sys
from importlib import import_module

import click
import jwt
import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy.exc import OperationalError

from models.errors import ConfigurationError
from models.settings import load_settings
from web.cli import COMMANDS, main
from web.cli.expected_errors import explain
from web.cli.token import page_link, reachable, signing_secret

SECRET = "s" * 40


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_page_says_what_the_commands_say(name: str) -> None:
    module, words = COMMANDS[name]
    command = getattr(import_module(module), name)
    assert isinstance(command, click.Command)
    assert (command.help or "").strip()
    assert words.endswith(".")


def test_the_help_page_imports_no_heavy_module() -> None:
    code = (
        "import sys\nfrom web.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'alembic', 'sqlalchemy', 'psycopg', 'flask', 'rich', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in COMMANDS)


def test_migrate_alone_imports_alembic() -> None:
    code = (
        "import sys\nfrom importlib import import_module\nfrom web.cli import COMMANDS\n"
        "for module, _ in COMMANDS.values(): import_module(module)\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigurationError(["FRONTVIEW_X: wrong"]), "FRONTVIEW_X: wrong"),
        (psycopg.OperationalError("connection failed:\n\trefused"), "cannot be used: connection failed: refused"),
        (psycopg.errors.UndefinedTable("no users"), "not migrated"),
        (psycopg.errors.InsufficientPrivilege("permission denied"), "permission denied"),
        (PermissionError(13, "Permission denied", "/data"), "/data: Permission denied"),
        (subprocess.CalledProcessError(1, "pg_ctl"), "embedded PostgreSQL cannot be used"),
        (OperationalError("SELECT 1", {}, psycopg.OperationalError("gone")), "cannot be used: gone"),
    ],
)
def test_expected_errors_are_explained(error: Exception, words: str) -> None:
    message = explain(error)
    assert message is not None
    assert words in message


@pytest.mark.parametrize("error", [ValueError("x"), psycopg.errors.SyntaxError("x"), KeyError("x"), OSError("x")])
def test_defects_are_not_explained_away(error: Exception) -> None:
    assert explain(error) is None


def test_an_expected_error_is_a_message_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTVIEW_POOL_SIZE", "many")
    monkeypatch.setenv("FRONTVIEW_TRUST_SECONDS", "-1")
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 1
    assert "FRONTVIEW_POOL_SIZE" in result.stderr
    assert "FRONTVIEW_TRUST_SECONDS" in result.stderr
    assert "Traceback" not in result.output


class TestToken:
    def test_a_token_holds_user_scope_and_expiry(self, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database_url)
        monkeypatch.setenv("FRONTVIEW_JWT_SECRET", SECRET)
        monkeypatch.setenv("FRONTVIEW_JWT_AUDIENCE", "people")
        result = CliRunner().invoke(main, ["token", "--user", "7", "--admin", "--ttl", "60"])
        assert result.exit_code == 0
        claims = jwt.decode(result.stdout.strip(), SECRET, algorithms=["HS256"], audience="people")
        assert (claims["sub"], claims["scope"], claims["exp"] - claims["iat"]) == ("7", "admin", 60)

    def test_without_admin_there_is_no_scope(self, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database_url)
        monkeypatch.setenv("FRONTVIEW_JWT_SECRET", SECRET)
        result = CliRunner().invoke(main, ["token", "--user", "7"])
        assert "scope" not in jwt.decode(result.stdout.strip(), SECRET, algorithms=["HS256"])

    @pytest.mark.parametrize("user", ["01", "-0", "x", "99999999999999999999"])
    def test_a_user_id_is_checked(self, user: str, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database_url)
        monkeypatch.setenv("FRONTVIEW_JWT_SECRET", SECRET)
        result = CliRunner().invoke(main, ["token", "--user", user])
        assert result.exit_code == 2
        assert "a user id is a whole number of 64 bits" in result.stderr

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "dash.example",
            "ftp://dash.example",
            "https://",
            "https://a b",
            "https://x/#y",
            "http://x?y",
            "//x",
            "http://x:y",
        ],
    )
    def test_a_links_address_is_checked(self, url: str) -> None:
        result = CliRunner().invoke(main, ["token", "--user", "7", "--link", "--base-url", url])
        assert result.exit_code == 2
        assert "expected http:// or https://" in result.stderr

    def test_a_link_has_the_page_and_its_code_behind_the_number_sign(self) -> None:
        assert page_link("https://dash.example/a", admin=False) == "https://dash.example/a/#code="
        assert page_link("https://dash.example", admin=True) == "https://dash.example/ops#code="

    @pytest.mark.parametrize("base_url", ["https://dash.example", "https://dash.example/a/b"])
    def test_a_link_has_the_path_under_which_the_server_answers(self, base_url: str) -> None:
        assert reachable(base_url, "/a/b") == "https://dash.example/a/b"

    def test_a_link_with_another_path_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FRONTVIEW_JWT_SECRET", SECRET)
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", "postgresql://127.0.0.1:1/none")
        result = CliRunner().invoke(main, ["token", "--user", "7", "--link", "--base-url", "https://dash.example/app"])
        assert result.exit_code == 1
        assert "FRONTVIEW_URL_PREFIX: " in result.stderr
        assert "set this variable to /app" in result.stderr

    def test_with_only_a_published_key_set_it_refuses(self) -> None:
        with pytest.raises(ConfigurationError, match="private key is not here"):
            signing_secret(load_settings(jwks_url="https://issuer.example/keys"))

    def test_without_any_secret_on_a_database_of_ones_own_it_refuses(self) -> None:
        with pytest.raises(ConfigurationError, match="FRONTVIEW_JWT_SECRET"):
            signing_secret(load_settings(database_url="postgresql://db.example/x"))
