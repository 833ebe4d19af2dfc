"""Whatever declaration passes the check can be installed, written under, refreshed, read and taken back.

Invariant: the host's writes never fail, nothing ends in an error that is not announced, and the schema is as it was.
"""

import os
import random
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from tests.exactness.host_sessions import host_session
from tests.fix_postgres import Server, migrate
from tests.leading import lead
from tests.migrations.mutants import TABLES, Host, mutant
from tests.schema_snapshot import schema_snapshot
from tests.views_sql.declaration.declaring import read
from views_sql.declaration.application import Application
from views_sql.declaration.fault import DeclarationError
from views_sql.declaration.maintained_view import Catalog
from views_sql.declaration.questions import arguments
from views_sql.operations.catalog import catalog_of
from views_sql.operations.plan import plan
from views_sql.operations.steps import steps
from views_sql.proof.judge import judge
from views_sql.proof.verdict import Verdict

FEW, MANY = 4, int(os.environ.get("FRONTVIEW_MUTANTS", "15"))
SEED = int(os.environ.get("FRONTVIEW_MUTANTS_SEED", "1"))
CORE = "core_0003"
DATA_EXCEPTION = "22"  # The class of errors of an expression that raises on a row, of which check warns.


def _core(url: str) -> None:
    migrate(url, "core@head", user_key="text")
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(TABLES.encode())


@pytest.fixture
def url(any_server: Server) -> Iterator[str]:
    made = any_server.create_prepared("core and the tables of mutants", _core, None)
    yield made
    any_server.drop(made)


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.proof)])
def test_mutated_declarations_can_be_installed_and_taken_back(url: str, tmp_path: Path, count: int) -> None:
    install_mutants(url, tmp_path, count, SEED)


def install_mutants(url: str, folder: Path, count: int, seed: int) -> None:
    """Install as many declarations that pass the check, one after another, in one database."""
    dice = random.Random(seed)
    made = schema_snapshot(url)
    with psycopg.connect(url, autocommit=True) as c:
        term = lead(c)
        with host_session(url, dice) as session:
            host = Host(session, dice)
            host.fill()
            while count:
                text = mutant(dice)
                accepted = _accepted(c, folder, text)
                if accepted is None:
                    continue
                count -= 1
                try:
                    _install(c, host, term, *accepted)
                except Exception as error:
                    raise AssertionError(text) from error
                assert schema_snapshot(url) == made, text


def _accepted(c: psycopg.Connection[Any], folder: Path, text: str) -> tuple[Application, Verdict] | None:
    try:
        application = read(folder, text)
    except DeclarationError:
        return None  # What is said then is for the tests of mutated files.
    verdict = judge(c, application, priced=False)
    assert all(fault.path and fault.sentence for fault in verdict.faults), text
    assert (verdict.proven is None) == bool(verdict.faults), text
    return (application, verdict) if verdict.proven and verdict.proven.views else None


def _install(c: psycopg.Connection[Any], host: Host, term: Term, application: Application, verdict: Verdict) -> None:
    assert verdict.proven is not None
    planned = plan(application, verdict.proven, None, CORE)
    made = steps(planned)
    for step in made:
        with c.transaction():
            for statement in step.upgrade:
                c.execute(statement.encode())
    host.write()
    _serve(c, catalog_of(planned.new), term, warned=bool(verdict.warnings))
    for step in reversed(made):
        with c.transaction():
            for statement in step.downgrade:
                c.execute(statement.encode())


def _serve(c: psycopg.Connection[Any], catalog: Catalog, term: Term, *, warned: bool) -> None:
    """Drain, refresh and read once; an answer is what the base tables give."""
    drain_once(c, term)
    raising = [f"failed: {DATA_EXCEPTION}"] if warned else []
    for view in catalog.views:
        outcome = refresh(c, view, view.tiers, term.epoch).outcome
        assert outcome == "populated" or any(map(outcome.startswith, raising)), outcome
    assert catalog.served is not None
    for served in catalog.served.views:
        nothing = ", ".join(["NULL"] * len(arguments(served)))
        call = f"SELECT body FROM {served.function}('ann', {nothing}, %s)".encode()
        with c.transaction(force_rollback=True):
            c.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            try:
                stored, base = (c.execute(call, (it,)).fetchone() for it in (False, True))
            except psycopg.DataError:
                assert warned
                continue
            assert stored == base


def test_mutants_are_no_two_alike() -> None:
    dice = random.Random(1)
    texts = {mutant(dice) for _ in range(200)}
    assert len(texts) > 120
    assert all(tomllib.loads(text) for text in texts)
