"""The exact read: retries, the way back to base tables, and errors in our own words."""

from typing import Any

import pytest
from psycopg import errors
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.errors import DatabaseUnavailable, InvalidParameters, NotMigrated
from models.event_counter import EventCounter
from tests.refresher.front_cache.cache_fakes import Clock
from tests.web.reads.database_fakes import ANSWER, FakeEngine, Outcome, failure
from views_sql.declaration.maintained_view import Dashboard
from web.reads.exact_read import MAX_ATTEMPTS, Answer, ExactReads

ASKED = Dashboard("agents", "agent", 900, "frontview.dashboard_agents", ("from", "to"), lambda *_: frozenset())
FROM_BASE = ANSWER | {"source": "database"}


def ask(engine: FakeEngine, clock: Clock | None = None) -> Answer:
    reads = ExactReads(engine, EventCounter(), seconds=15, monotonic=clock or Clock(), wall=lambda: 5000.0)  # type: ignore[arg-type]
    return reads.ask(ASKED, 7, ("2026-03-01", None))


def base_flags(engine: FakeEngine) -> list[bool]:
    return [values[-1] for _, values in engine.statements]


def test_the_parameters_are_bound_in_order_and_never_spliced() -> None:
    engine = FakeEngine()
    ask(engine)
    statement, values = engine.statements[0]
    assert "FROM frontview.dashboard_agents(%s, %s, %s, %s) a" in statement
    assert values == (7, "2026-03-01", None, False)


def test_the_times_of_an_answer_are_from_before_its_statement() -> None:
    clock = Clock(100.0)
    answer = ask(FakeEngine(before=lambda: clock.advance(3)), clock)
    assert (answer.sent, answer.calculated_at) == (100.0, 5000.0)
    assert answer.database_ms == pytest.approx(3000)


@pytest.mark.parametrize("error", [errors.SerializationFailure, errors.DeadlockDetected])
def test_a_rewritten_table_is_read_again(error: type[Exception]) -> None:
    engine = FakeEngine(failure(error), failure(error), ANSWER)
    assert ask(engine).body == b'{"calls":1}'
    assert base_flags(engine) == [False, False, False]


def test_reading_again_has_an_end() -> None:
    engine = FakeEngine(failure(errors.SerializationFailure))
    with pytest.raises(DatabaseUnavailable):
        ask(engine)
    assert len(engine.statements) == MAX_ATTEMPTS


@pytest.mark.parametrize(
    "error",
    [
        errors.ObjectNotInPrerequisiteState,
        errors.UndefinedTable,
        errors.UndefinedFunction,
        errors.UndefinedColumn,
        errors.InsufficientPrivilege,
        errors.DataCorrupted,
    ],
)
def test_a_failing_view_is_passed_by(error: type[Exception]) -> None:
    engine = FakeEngine(failure(error), FROM_BASE)
    assert ask(engine).source == "database"
    assert base_flags(engine) == [False, True]


def test_base_tables_rewritten_after_a_view_failed_are_read_again() -> None:
    engine = FakeEngine(failure(errors.UndefinedTable), failure(errors.SerializationFailure), FROM_BASE)
    assert ask(engine).source == "database"
    assert base_flags(engine) == [False, True, True]


@pytest.mark.parametrize("error", [errors.UndefinedTable, errors.UndefinedFunction, errors.InvalidSchemaName])
def test_without_function_or_tables_the_database_is_not_migrated(error: type[Exception]) -> None:
    engine = FakeEngine(failure(error))
    with pytest.raises(NotMigrated):
        ask(engine)
    assert base_flags(engine) == [False, True]


def test_a_dead_pooled_connection_is_replaced_once() -> None:
    lost = failure(errors.AdminShutdown, disconnected=True)
    assert ask(FakeEngine(lost, ANSWER)).body
    engine = FakeEngine(lost)
    with pytest.raises(DatabaseUnavailable):
        ask(engine)
    assert len(engine.statements) == 2


@pytest.mark.parametrize(
    "outcome",
    [
        failure(errors.OperationalError),
        failure(errors.QueryCanceled),
        failure(errors.TooManyConnections),
        failure(errors.CannotConnectNow),
        failure(errors.LockNotAvailable),
        failure(errors.ConnectionFailure),
        failure(errors.DiskFull),
    ],
    ids=lambda error: type(error.orig).__name__,
)
def test_a_database_that_cannot_answer_is_unavailable_at_once(outcome: Outcome) -> None:
    engine = FakeEngine(outcome)
    with pytest.raises(DatabaseUnavailable) as caught:
        ask(engine)
    assert len(engine.statements) == 1
    assert "told so" not in str(caught.value)


def test_an_exhausted_pool_is_unavailable() -> None:
    engine = FakeEngine()
    engine.at_checkout = PoolTimeout("QueuePool limit")
    with pytest.raises(DatabaseUnavailable):
        ask(engine)


@pytest.mark.parametrize("error", [errors.InvalidParameterValue, errors.DataError])
def test_parameters_that_the_database_refuses_are_invalid(error: type[Exception]) -> None:
    engine = FakeEngine(failure(error))
    with pytest.raises(InvalidParameters) as caught:
        ask(engine)
    assert len(engine.statements) == 1
    assert caught.value.detail


def test_a_defect_of_the_function_is_unavailable_not_a_wrong_answer() -> None:
    engine = FakeEngine(failure(errors.DivisionByZero))
    with pytest.raises(DatabaseUnavailable):
        ask(engine)


def test_nothing_found_has_no_body() -> None:
    found: dict[str, Any] = ANSWER | {"body": None}
    assert ask(FakeEngine(found)).body is None
