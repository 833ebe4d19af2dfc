"""The exact read: retries, the way back to base tables, and errors in our own words."""

from typing import Any

import pytest
from psycopg import errors
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.errors import DatabaseUnavailable, InvalidParameters, NotMigrated, StatementFailed
from models.event_counter import EventCounter
from refresher.front_cache.trust import NEVER
from tests.refresher.front_cache.cache_fakes import Clock
from tests.web.reads.database_fakes import ANSWER, FakeEngine, Outcome, Refusal, failure
from views_sql.declaration.maintained_view import Dashboard
from web.reads.exact_read import MAX_ATTEMPTS, Answer, ExactReads

ASKED = Dashboard("shelves", "annex", 900, "frontview.dashboard_shelves", ("from", "to"), frozenset())
FROM_BASE = ANSWER | {"source": "database"}


def ask(engine: FakeEngine, clock: Clock | None = None, *, begin_by: float = NEVER, **options: Any) -> Answer:
    clock = clock or Clock()
    reads = ExactReads(engine, EventCounter(), seconds=15, monotonic=clock, wall=lambda: 5000.0, **options)  # type: ignore[arg-type]
    return reads.ask(ASKED, 7, ("2026-03-01", None), begin_by=begin_by)


def base_flags(engine: FakeEngine) -> list[bool]:
    return [values[-1] for _, values in engine.statements]


def test_the_parameters_are_bound_in_order_and_never_spliced() -> None:
    engine = FakeEngine()
    ask(engine)
    statement, values = engine.statements[0]
    assert "FROM frontview.dashboard_shelves(%s, %s, %s, %s) a" in statement
    assert values == (7, "2026-03-01", None, False)


def test_the_times_of_an_answer_are_from_before_its_statement() -> None:
    clock = Clock(100.0)
    answer = ask(FakeEngine(before=lambda: clock.advance(3)), clock)
    assert (answer.sent, answer.calculated_at) == (100.0, 5000.0)
    assert answer.database_ms == pytest.approx(3000)


@pytest.mark.parametrize("error", [errors.SerializationFailure, errors.DeadlockDetected])
def test_a_rewritten_table_is_read_again(error: type[Exception]) -> None:
    engine = FakeEngine(failure(error), failure(error), ANSWER)
    assert ask(engine).body == b'{"loans":1}'
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
    engine.migrated = False
    with pytest.raises(NotMigrated):
        ask(engine)
    assert base_flags(engine) == [False, True]


@pytest.mark.parametrize("error", [errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn])
def test_what_is_missing_in_a_migrated_database_is_a_defect(error: type[Exception]) -> None:
    with pytest.raises(StatementFailed):
        ask(FakeEngine(failure(error)))


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
        failure(errors.InterfaceError),
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


def test_while_the_database_answers_others_a_read_waits_for_a_connection_until_its_time_is_up() -> None:
    clock, engine = Clock(100.0), FakeEngine()
    engine.at_checkout = PoolTimeout("QueuePool limit")
    answers = [True, True, False]
    with pytest.raises(DatabaseUnavailable):
        ask(engine, clock, begin_by=101.0, database_answers=lambda: answers.pop(0))
    assert answers == []
    clock.advance(1.0)
    with pytest.raises(DatabaseUnavailable):
        ask(engine, clock, begin_by=101.0, database_answers=lambda: True)


@pytest.mark.parametrize("error", [errors.IoError, errors.InternalError_, errors.DataCorrupted])
def test_a_server_that_is_ill_is_unavailable_if_base_tables_do_not_help(error: type[Exception]) -> None:
    engine = FakeEngine(failure(error))
    with pytest.raises(DatabaseUnavailable):
        ask(engine)
    assert base_flags(engine) == [False, True]


def test_a_parameter_that_the_function_refuses_is_invalid() -> None:
    engine = FakeEngine(failure(Refusal))
    with pytest.raises(InvalidParameters) as caught:
        ask(engine)
    assert len(engine.statements) == 1
    assert caught.value.detail


@pytest.mark.parametrize("error", [errors.InvalidParameterValue, errors.DivisionByZero, errors.RaiseException])
def test_a_defect_of_the_function_is_asked_of_the_base_tables_once(error: type[Exception]) -> None:
    engine = FakeEngine(failure(error))
    with pytest.raises(StatementFailed) as caught:
        ask(engine)
    assert caught.value.sqlstate == error.sqlstate  # type: ignore[attr-defined]
    assert base_flags(engine) == [False, True]
    assert "told so" not in str(caught.value)


def test_a_value_that_the_driver_refuses_is_a_defect() -> None:
    engine = FakeEngine(failure(errors.DataError))
    with pytest.raises(StatementFailed):
        ask(engine)
    assert len(engine.statements) == 1


def test_nothing_found_has_no_body() -> None:
    found: dict[str, Any] = ANSWER | {"body": None}
    assert ask(FakeEngine(found)).body is None
