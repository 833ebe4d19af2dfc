"""Background fills: they are shared with requests, keep no request waiting, and give way to real reads."""

import threading
from typing import Any

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.errors import DatabaseUnavailable
from refresher.front_cache.entry import EntryKey
from tests.refresher.front_cache.cache_fakes import changed
from tests.web.reads.database_fakes import ANSWER, DEFECT, GONE, Rows
from tests.web.reads.test_read_path import EXACT, SECOND, Hold, Reader, Stage, statements
from web.reads.background_fills import RENEWAL, WantedFill
from web.reads.read_path import ReadPolicy
from web.reads.statistics import ReadStatistics

KEY = EntryKey("dashboard", 7, "summary", ())


def warm(stage: Stage, key: EntryKey = KEY, *, renew: bool = False) -> str:
    (outcome,) = stage.path.warm([WantedFill(key, RENEWAL if renew else "predicted")])
    return outcome


class Warming:
    """A warm fill in a thread of its own, held in its statement."""

    def __init__(self, stage: Stage, *, renew: bool = False) -> None:
        self.hold = Hold(stage)
        self.outcomes: list[str] = []
        self.reader = Reader(lambda: self.outcomes.append(warm(stage, renew=renew)))  # type: ignore[arg-type, return-value]
        assert self.hold.reached.wait(5)

    def end(self) -> str:
        self.hold.go_on.set()
        self.reader.thread.join(5)
        return self.outcomes[0]


def test_what_was_warmed_is_a_hit_and_no_miss_was_counted() -> None:
    stage = Stage()
    assert warm(stage) == "stored"
    assert stage.cache.statistics().regions["dashboard"].misses == {}
    assert stage.read().source == "cache"
    assert stage.path.statistics() == ReadStatistics(warm_stored=1)


def test_what_is_there_is_not_computed_unless_it_is_to_be_renewed() -> None:
    stage = Stage(ANSWER, SECOND)
    stage.read()
    assert warm(stage) == "held"
    assert statements(stage) == 1
    assert warm(stage, renew=True) == "stored"
    assert stage.read().data == b"2"
    assert stage.cache.statistics().regions["dashboard"].renewals == 1


def test_what_somebody_is_at_is_held() -> None:
    stage = Stage()
    hold = Hold(stage)
    owner = hold.begin()
    assert warm(stage) == "held"
    hold.go_on.set()
    owner.result()
    assert statements(stage) == 1


def test_a_key_is_renewed_once_at_a_time() -> None:
    stage = Stage(ANSWER, SECOND)
    stage.read()
    warming = Warming(stage, renew=True)
    assert warm(stage, renew=True) == "held"
    assert warming.end() == "stored"
    assert statements(stage) == 2


def test_hits_go_on_from_the_old_entry_while_it_is_renewed() -> None:
    stage = Stage(ANSWER, SECOND)
    stage.read()
    warming = Warming(stage, renew=True)
    assert (stage.read().source, stage.read().data) == ("cache", b'{"loans":1}')
    assert warming.end() == "stored"
    assert stage.read().data == b"2"


def test_a_request_that_may_share_it_waits_for_it() -> None:
    stage = Stage()
    warming = Warming(stage)
    waiter = warming.hold.join()
    assert warming.end() == "stored"
    assert waiter.result().source == "materialized_view"
    assert statements(stage) == 1


@pytest.mark.parametrize("policy", [EXACT, ReadPolicy(max_age_seconds=0.05)], ids=["exact", "max-age"])
def test_a_request_that_may_not_share_it_does_not_wait_for_it(policy: ReadPolicy) -> None:
    stage = Stage(ANSWER, SECOND)
    warming = Warming(stage)
    stage.clock.advance(0.1)
    assert stage.read(policy).data == b"2"
    assert warming.end() in {"stored", "refused"}
    assert stage.cache.statistics().running_fills == 0
    assert stage.path.statistics().running == 0


def test_after_a_change_nobody_waits_for_what_began_before_it() -> None:
    stage = Stage(ANSWER, SECOND | {"drain_id": 11})
    warming = Warming(stage)
    stage.feed.apply(changed(11))
    assert stage.read().data == b"2"
    assert warming.end() == "refused"
    assert stage.read().data == b"2"


def test_real_reads_come_first() -> None:
    stage = Stage(admission=2)
    with stage.path.admission.slot():
        assert warm(stage) == "busy"
    assert statements(stage) == 0
    assert warm(stage) == "stored"


def test_without_trust_nothing_is_warmed() -> None:
    stage = Stage()
    stage.clock.advance(1.0)
    assert warm(stage) == "refused"
    assert statements(stage) == 0


def test_a_refused_fill_is_told_and_not_kept() -> None:
    stage = Stage(ANSWER | {"undrained": True})
    assert warm(stage) == "refused"
    assert not stage.cache.holds(KEY)


@pytest.mark.parametrize(
    "outcome", [GONE, DEFECT, ANSWER | {"body": None}], ids=["database gone", "a defect", "nothing found"]
)
def test_a_failure_is_told_and_leaves_nothing_running(outcome: Any) -> None:
    stage = Stage(outcome)
    assert warm(stage) == "failed"
    assert stage.cache.statistics().running_fills == 0
    assert stage.path.statistics().running == 0


def test_a_request_that_waited_for_a_failure_tries_itself() -> None:
    stage = Stage(GONE, ANSWER)
    warming = Warming(stage)
    waiter = warming.hold.join()
    assert warming.end() == "failed"
    assert waiter.result().data == b'{"loans":1}'


@pytest.mark.parametrize(
    "key",
    [KEY._replace(dashboard="unknown"), KEY._replace(region="annex"), KEY._replace(arguments=(1,))],
    ids=["dashboard", "region", "arguments"],
)
def test_a_question_that_nobody_can_ask_fails_and_harms_nothing(key: EntryKey) -> None:
    stage = Stage()
    stage.read()
    assert warm(stage, key) == "failed"
    assert stage.cache.holds(KEY)
    assert statements(stage) == 1


def test_a_read_fails_as_ever_when_a_background_computation_runs() -> None:
    stage = Stage(ANSWER, GONE)
    warming = Warming(stage)
    stage.clock.advance(0.1)
    with pytest.raises(DatabaseUnavailable):
        stage.read(EXACT)
    assert warming.end() == "stored"


# --- several at once

MANY = [WantedFill(EntryKey("dashboard", user, "summary", ()), "predicted") for user in range(5)]


def test_several_answers_are_one_statement() -> None:
    stage = Stage()
    assert stage.path.warm(MANY) == ["stored"] * 5
    assert statements(stage) == 1
    statement, values = stage.engine.statements[0]
    assert statement.count("UNION ALL") == 4
    assert values == tuple(value for user in range(5) for value in (user, False))
    assert all(stage.read(user=user).source == "cache" for user in range(5))


def test_each_of_several_gets_its_own_row_whatever_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    rows = Rows.all
    monkeypatch.setattr(Rows, "all", lambda self: [row | {"body": str(row["place"])} for row in rows(self)])
    stage.path.warm(MANY)
    assert [stage.read(user=user).data for user in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


def test_of_several_each_has_its_own_outcome() -> None:
    stage = Stage()
    stage.read(user=2)
    unknown = WantedFill(KEY._replace(dashboard="unknown"), "predicted")
    assert stage.path.warm([*MANY[:3], unknown]) == ["stored", "stored", "held", "failed"]
    assert statements(stage) == 2
    assert stage.path.statistics().running == 0


def test_where_one_of_several_fails_each_is_asked_by_itself() -> None:
    stage = Stage(GONE, ANSWER, ANSWER | {"body": None}, ANSWER)
    assert stage.path.warm(MANY[:3]) == ["stored", "failed", "stored"]
    assert statements(stage) == 4
    assert stage.cache.statistics().running_fills == 0
    assert stage.path.statistics().running == 0


def test_without_a_free_connection_none_of_several_is_asked_by_itself() -> None:
    stage, tried = Stage(), []

    def connect() -> None:
        tried.append(1)
        raise PoolTimeout("QueuePool limit")

    stage.engine.connect = connect  # type: ignore[method-assign, assignment]
    assert stage.path.warm(MANY) == ["failed"] * 5
    assert len(tried) == 1


def test_a_defect_leaves_nothing_running_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("web.reads.computing.make_entry", broken)
    with pytest.raises(ZeroDivisionError):
        stage.path.warm(MANY)
    assert stage.cache.statistics().running_fills == 0
    assert stage.path.statistics().running == 0


def test_of_several_a_change_refuses_those_it_concerns() -> None:
    stage = Stage()
    hold = Hold(stage)
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.extend(stage.path.warm(MANY)))
    thread.start()
    assert hold.reached.wait(5)
    stage.feed.apply(changed(11, user=3))
    hold.go_on.set()
    thread.join(5)
    assert outcomes == ["stored", "stored", "stored", "refused", "stored"]


def test_while_real_reads_need_the_places_none_of_several_is_tried() -> None:
    stage = Stage(admission=2)
    with stage.path.admission.slot():
        assert stage.path.warm(MANY) == ["busy"] * 5
    assert statements(stage) == 0
