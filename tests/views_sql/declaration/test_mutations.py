"""Whatever a file says, reading it ends in a declaration or in faults that a person can read, in nothing else."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.views_sql.declaration.declaring import WHOLE, read
from tests.views_sql.declaration.mutations import GOOD, TOGETHER, spoilt_files, toml
from views_sql.declaration.fault import DeclarationError
from views_sql.declaration.resolved import resolved, restored

FOREIGN = re.compile(r"pydantic|Input should|validation error|Value error|Traceback|NoneType|<class|object at 0x")
MANY = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


def check(folder: Path, text: str) -> bool:
    """Return whether a declaration can be used, after the check of what is said about it."""
    try:
        application = read(folder, text)
    except DeclarationError as error:
        faults = error.faults
    else:
        assert resolved(restored(resolved(application))) == resolved(application)
        return True
    assert faults
    for fault in faults:
        assert fault.file == "frontview.toml"
        assert fault.path.strip()
        assert len(fault.sentence.split()) > 2
        assert len(str(fault)) < 600
        assert str(fault).isprintable(), "on one line, without control characters"
        assert not FOREIGN.search(fault.sentence)
    return False


def test_what_is_not_mutated_can_be_used(tmp_path: Path) -> None:
    text = "".join(f"{key} = {toml(value)}\n" for key, value in GOOD.items())
    assert check(tmp_path, text)
    assert read(tmp_path, text) == read(tmp_path, WHOLE)


@settings(max_examples=200 // TOGETHER, **MANY)
@given(texts=spoilt_files())
def test_two_hundred_mutated_files(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    for text in texts:
        check(tmp_path_factory.getbasetemp(), text)


@pytest.mark.proof
@settings(max_examples=10_000 // TOGETHER, **MANY)
@given(texts=spoilt_files())
def test_ten_thousand_mutated_files(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    for text in texts:
        check(tmp_path_factory.getbasetemp(), text)
