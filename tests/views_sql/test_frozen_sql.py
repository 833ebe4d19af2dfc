"""Released SQL files never change, and none is released unsealed."""

from pathlib import Path

import pytest

from views_sql.freeze import SEALS, faults, freeze, read_seals, sql_hashes


def test_every_sql_file_is_sealed_and_unchanged() -> None:
    assert faults(sql_hashes(), read_seals()) == []


def test_the_seals_are_sorted_by_path() -> None:
    paths = [line.partition("  ")[2] for line in SEALS.read_text().splitlines()]
    assert paths == sorted(paths)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "one_v01.sql").write_text("SELECT 1")
    freeze(tmp_path)
    return tmp_path


def test_freezing_adds_new_files_and_keeps_the_old_lines(package: Path) -> None:
    sealed = read_seals(package / SEALS.name)
    (package / "functions" / "one_v02.sql").write_text("SELECT 2")

    assert freeze(package) == ["functions/one_v02.sql"]

    assert read_seals(package / SEALS.name).items() > sealed.items()
    assert freeze(package) == []


def test_freezing_refuses_a_changed_file_and_writes_nothing(package: Path) -> None:
    before = (package / SEALS.name).read_text()
    (package / "functions" / "one_v01.sql").write_text("SELECT 3")
    (package / "functions" / "one_v02.sql").write_text("SELECT 2")

    with pytest.raises(ValueError, match=r"one_v01\.sql was changed: make a new version"):
        freeze(package)

    assert (package / SEALS.name).read_text() == before


def test_freezing_refuses_when_a_sealed_file_is_gone(package: Path) -> None:
    (package / "functions" / "one_v01.sql").unlink()

    with pytest.raises(ValueError, match=r"one_v01\.sql was changed"):
        freeze(package)


def test_rewriting_seals_everything_anew(package: Path) -> None:
    (package / "functions" / "one_v01.sql").write_text("SELECT 3")

    freeze(package, rewrite=True)

    assert faults(sql_hashes(package), read_seals(package / SEALS.name)) == []


def test_an_unsealed_file_is_a_fault(package: Path) -> None:
    (package / "functions" / "two_v01.sql").write_text("SELECT 2")

    assert faults(sql_hashes(package), read_seals(package / SEALS.name)) == [
        "functions/two_v01.sql is not sealed: `make freeze`"
    ]
