"""``frontview check``: prints every fault of a declaration, or its verdict; says so when it finds no project."""

import json
from pathlib import Path

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
    assert verdict == "frontview.toml: 2 views, 9 measures: well formed"
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
    assert check().stdout.startswith(f"frontview.toml: {'2 views, 9 measures' if named else '1 view, 1 measure'}: well")


def test_where_no_project_is_it_says_so_in_one_line() -> None:
    result = check()
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "There is no project here" in result.stderr


def test_a_named_folder_without_a_declaration_is_a_fault(tmp_path: Path) -> None:
    result = check(tmp_path)
    assert result.exit_code == 1
    assert result.stdout.startswith("frontview.toml: file: there is no such file")
