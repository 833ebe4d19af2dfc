"""``frontview check``: prints every fault of a declaration, or its verdict; says so when it finds no project."""

import json
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from tests.views_sql.declaration.declaring import LEAST, SHOP, project
from web.cli import main


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FRONTVIEW_DATABASE_URL", raising=False)
    monkeypatch.delenv("FRONTVIEW_PROJECT", raising=False)
    monkeypatch.chdir(tmp_path)


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_a_good_declaration_is_well_formed_and_no_database_was_asked() -> None:
    result = check(SHOP)
    assert result.exit_code == 0
    verdict, notice = result.stdout.splitlines()
    assert verdict == "frontview.toml: 2 views, 9 measures, 1 dashboard: well formed"
    assert "FRONTVIEW_DATABASE_URL is not set" in notice


def test_every_fault_is_one_line_and_the_exit_code_is_1(tmp_path: Path) -> None:
    result = check(project(tmp_path, LEAST + "mesures = 1\nttl = 5\n"))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "frontview.toml: view.orders.mesures: there is no field mesures; did you mean measures?",
        'frontview.toml: view.orders.ttl: expected a duration such as "90s", "10m", "2h" or "1d"',
        "2 faults",
    ]


def test_json_has_file_path_and_sentence_of_each_fault(tmp_path: Path) -> None:
    result = check("--json", project(tmp_path, LEAST + "ttl = '9d'\n"))
    assert result.exit_code == 1
    assert json.loads(result.stdout)["faults"] == [
        {"file": "frontview.toml", "path": "view.orders.ttl", "sentence": "a duration is between 1s and 7d"}
    ]
    good = check("--json", SHOP)
    assert good.exit_code == 0
    assert json.loads(good.stdout)["faults"] == []


@pytest.mark.parametrize("named", [True, False])
def test_without_a_folder_it_is_the_named_project_or_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    if named:
        monkeypatch.setenv("FRONTVIEW_PROJECT", str(SHOP))
    else:
        project(tmp_path, LEAST)
    assert check().stdout.startswith(
        f"frontview.toml: {'2 views, 9 measures' if named else '1 view, 1 measure'}, 1 dashboard: well"
    )


def test_where_no_project_is_it_says_so_in_one_line() -> None:
    result = check()
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "There is no project here" in result.stderr


def test_a_named_folder_without_a_declaration_is_a_fault(tmp_path: Path) -> None:
    result = check(tmp_path)
    assert result.exit_code == 1
    assert result.stdout.startswith("frontview.toml: file: there is no such file")


class TestWithADatabase:
    @pytest.fixture
    def shop(self, empty_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
        """A database with the tables of examples/shop."""
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", empty_url)
        with psycopg.connect(empty_url, autocommit=True) as connection:
            connection.execute((SHOP / "schema.sql").read_text())
        return empty_url

    def test_the_example_is_accepted_and_nothing_stays(self, shop: str) -> None:
        with psycopg.connect(shop, autocommit=True) as connection:
            count = "SELECT count(*) FROM pg_class"
            before = connection.execute(count).fetchone()
            result = check(SHOP)
            assert connection.execute(count).fetchone() == before
        assert result.exit_code == 0, result.output
        assert "orders: public.Order by customerId, days of createdAt in Europe/Berlin" in result.stdout
        assert "PostgreSQL accepts it" in result.stdout.splitlines()[-1]

    @pytest.mark.usefixtures("shop")
    def test_its_faults_name_file_and_place_like_those_of_the_file(self, tmp_path: Path) -> None:
        text = LEAST.replace("createdAt", "createAt")
        folder = project(tmp_path, text, spots='[view.spots]\ntable = "public.Vist"\nmeasures = { n = "count" }\n')
        result = check(folder)
        assert result.exit_code == 1
        assert "frontview.toml: view.orders.time: " in result.stdout
        assert "createdAt" in result.stdout
        assert "views/spots.toml: view.spots.table: " in result.stdout
        as_json = json.loads(check("--json", folder).stdout)
        assert as_json["database_asked"] is True
        assert {fault["path"] for fault in as_json["faults"]} == {"view.orders.time", "view.spots.table"}

    def test_a_database_that_cannot_be_reached_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        result = check(SHOP)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: The database cannot be used: ")
