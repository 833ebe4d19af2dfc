"""The read path: which requests are answered from where, and what a reading says about itself."""

import json
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from models.errors import DatabaseUnavailable, NotFound, StatementFailed
from refresher.front_cache.body import Deflated
from refresher.front_cache.fill import RunningFills
from refresher.front_cache.store import Region, Store
from tests.neutral.catalog import SERVED
from tests.refresher.front_cache.cache_fakes import Clock, Feed, changed, make_cache
from tests.web.reads.database_fakes import ANSWER, DEFECT, GONE, FakeEngine
from views_sql.declaration.maintained_view import Catalog, Dashboard
from views_sql.declaration.maintained_view import Region as DeclaredRegion
from web.reads.read_path import Reading, ReadPath, ReadPolicy
from web.reads.statistics import ReadStatistics

CATALOG = Catalog(
    (),
    (),
    (DeclaredRegion("dashboard", 100, 1_000_000), DeclaredRegion("annex", 100, 1_000_000)),
    (
        Dashboard("summary", "dashboard", 600, "f.summary", (), frozenset({"loans"})),
        Dashboard(
            *("shelves", "annex", 900, "f.shelves", ("from", "to"), frozenset({"loans"})),
            resolved=lambda given, today: {**given, "to": given["to"] or today},
        ),
    ),
    SERVED,
)
SECOND = ANSWER | {"body": "2"}
ANY = ReadPolicy()
EXACT = ReadPolicy(exact=True)
UNDER_WAY_SECONDS = 5  # how long a test waits for a thread that must come


class AnnouncedEvent(threading.Event):
    """Announces each thread that is about to wait for it."""

    def __init__(self, announced: threading.Semaphore) -> None:
        super().__init__()
        self._announced = announced

    def wait(self, timeout: float | None = None) -> bool:
        self._announced.release()
        return super().wait(timeout)


class Stage:
    """A read path with everything around it, and statements that can be held."""

    def __init__(self, *outcomes: Any, **options: Any) -> None:
        self.clock = Clock()
        self.waiting = threading.Semaphore(0)
        self.cache = make_cache(self.clock, make_event=lambda: AnnouncedEvent(self.waiting))
        self.feed = Feed(self.cache, self.clock)
        self.engine = FakeEngine(*outcomes)
        self.path = ReadPath(
            self.engine,  # type: ignore[arg-type]
            self.cache,
            CATALOG,
            monotonic=self.clock,
            wall=lambda: 1e9 + self.clock.now,
            **options,
        )

    def read(self, policy: ReadPolicy = ANY, user: int = 7) -> Reading:
        return self.path.read("summary", user, {}, policy)

    def in_thread(self, policy: ReadPolicy = ANY) -> "Reader":
        return Reader(lambda: self.read(policy))


class Reader:
    """A read in a thread of its own."""

    def __init__(self, read: Callable[[], Reading]) -> None:
        self.reading: Reading | None = None
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._run, args=(read,))
        self.thread.start()

    def _run(self, read: Callable[[], Reading]) -> None:
        try:
            self.reading = read()
        except Exception as error:
            self.error = error

    def result(self) -> Reading:
        self.thread.join(UNDER_WAY_SECONDS)
        assert not self.thread.is_alive()
        if self.error:
            raise self.error
        assert self.reading is not None
        return self.reading


class Hold:
    """Holds the first statement until told; later ones run through."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.first = stage, True
        self.reached, self.go_on = threading.Event(), threading.Event()
        stage.engine.before = self

    def __call__(self) -> None:
        if self.first:
            self.first = False
            self.reached.set()
            assert self.go_on.wait(UNDER_WAY_SECONDS)

    def begin(self, policy: ReadPolicy = ANY) -> Reader:
        reader = self.stage.in_thread(policy)
        assert self.reached.wait(UNDER_WAY_SECONDS)
        return reader

    def join(self, policy: ReadPolicy = ANY) -> Reader:
        reader = self.stage.in_thread(policy)
        assert self.stage.waiting.acquire(timeout=UNDER_WAY_SECONDS)
        return reader


def statements(stage: Stage) -> int:
    return len(stage.engine.statements)


# --- from the cache or not


def test_the_second_read_is_a_hit_that_remembers_its_fill() -> None:
    stage = Stage()
    first = stage.read()
    stage.clock.advance(0.25)
    second = stage.read()
    assert (first.source, first.stored, first.miss_reason) == ("materialized_view", True, "uri-miss")
    assert (second.source, second.computed_by, second.miss_reason) == ("cache", "materialized_view", None)
    assert (second.data, second.etag, second.watermark) == (b'{"loans":1}', first.etag, "1-10")
    assert (second.patched_days, second.calculated_at, second.expires_at) == (
        first.patched_days,
        first.calculated_at,
        first.expires_at,
    )
    assert (first.age_seconds, second.age_seconds) == (0.0, 0.25)
    assert (second.ttl_seconds, second.database_ms) == (599.75, None)
    assert statements(stage) == 1


def test_an_exact_read_asks_the_database_whatever_the_cache_holds() -> None:
    stage = Stage()
    stage.read()
    reading = stage.read(EXACT)
    assert (reading.source, reading.miss_reason, reading.stored) == ("materialized_view", "request", True)
    assert statements(stage) == 2


def test_without_trust_reads_are_exact() -> None:
    stage = Stage()
    stage.read()
    stage.clock.advance(1.0)
    assert stage.read().miss_reason == "stale"
    assert statements(stage) == 2


def test_max_age_refuses_what_is_older() -> None:
    stage = Stage()
    stage.read()
    stage.clock.advance(0.5)
    assert stage.read(ReadPolicy(max_age_seconds=0.5)).source == "cache"
    assert stage.read(ReadPolicy(max_age_seconds=0.4)).miss_reason == "request"


def test_users_do_not_share_answers() -> None:
    stage = Stage()
    assert stage.read(user=7).etag != stage.read(user=8).etag
    assert statements(stage) == 2


def test_nothing_lives_past_the_users_midnight() -> None:
    stage = Stage(ANSWER | {"valid_seconds": 0.5})
    assert stage.read().ttl_seconds == 0.5
    stage.clock.advance(0.5)
    stage.feed.apply()
    assert stage.read().miss_reason == "stale"


def test_nothing_found_is_an_error_of_its_own_and_not_kept() -> None:
    stage = Stage(ANSWER | {"body": None})
    for _ in range(2):
        with pytest.raises(NotFound):
            stage.read()
    assert statements(stage) == 2
    assert stage.cache.statistics().running_fills == 0


def test_a_failed_read_leaves_nothing_running() -> None:
    stage = Stage(GONE)
    with pytest.raises(DatabaseUnavailable):
        stage.read()
    assert stage.cache.statistics().running_fills == 0
    assert stage.path.statistics().running == 0


def test_the_sources_of_readings_are_counted() -> None:
    stage = Stage(ANSWER, ANSWER | {"source": "database", "patched_days": 0})
    for policy in (ReadPolicy(), ReadPolicy(), EXACT):
        stage.read(policy)
    assert stage.path.statistics() == ReadStatistics(materialized_view=1, database=1, patched=1)
    assert stage.cache.statistics().regions["dashboard"].hits == 1


# --- one computation at a time


def test_requests_that_arrive_while_it_is_computed_share_one_computation() -> None:
    stage = Stage()
    hold = Hold(stage)
    owner = hold.begin()
    waiters = [hold.join() for _ in range(5)]
    hold.go_on.set()
    readings = [reader.result() for reader in (owner, *waiters)]
    assert {reading.data for reading in readings} == {b'{"loans":1}'}
    assert statements(stage) == 1
    assert stage.path.statistics().shared == 5


def test_an_exact_read_does_not_share_what_began_before_it_arrived() -> None:
    stage = Stage(ANSWER, ANSWER | {"body": "2"})
    hold = Hold(stage)
    owner = hold.begin()
    stage.clock.advance(0.1)
    exact = hold.join(EXACT)
    hold.go_on.set()
    assert owner.result().data == b'{"loans":1}'
    assert exact.result().data == b"2"


def test_exact_reads_share_what_began_after_all_of_them_arrived() -> None:
    stage = Stage()
    hold = Hold(stage)
    owner = hold.begin()
    stage.clock.advance(0.1)
    exact = [hold.join(EXACT) for _ in range(3)]
    stage.clock.advance(0.1)
    hold.go_on.set()
    owner.result()
    assert {reader.result().source for reader in exact} == {"materialized_view"}
    assert statements(stage) == 2


def test_a_read_without_trust_does_not_share_what_began_before_it_arrived() -> None:
    stage = Stage()
    hold = Hold(stage)
    owner = hold.begin()
    stage.clock.advance(1.0)
    untrusting = hold.join()
    hold.go_on.set()
    owner.result()
    untrusting.result()
    assert statements(stage) == 2


def test_max_age_holds_for_shared_computations_too() -> None:
    stage = Stage()
    hold = Hold(stage)
    owner = hold.begin()
    stage.clock.advance(0.5)
    demanding = hold.join(ReadPolicy(max_age_seconds=0.4))
    hold.go_on.set()
    owner.result()
    demanding.result()
    assert statements(stage) == 2


def test_a_request_after_a_change_does_not_share_what_began_before_it() -> None:
    stage = Stage(ANSWER, ANSWER | {"body": "2", "drain_id": 11})
    hold = Hold(stage)
    owner = hold.begin()
    stage.clock.advance(0.1)
    stage.feed.apply(changed(11))
    later = hold.join()
    hold.go_on.set()
    assert owner.result().data == b'{"loans":1}'
    assert later.result().data == b"2"


def test_those_who_waited_on_a_refused_fill_do_not_get_it() -> None:
    stage = Stage(ANSWER, ANSWER | {"body": "2", "drain_id": 11})
    hold = Hold(stage)
    owner = hold.begin()
    stage.clock.advance(0.1)
    waiter = hold.join()
    stage.feed.apply(changed(11))
    hold.go_on.set()
    assert (owner.result().data, owner.result().stored) == (b'{"loans":1}', False)
    assert waiter.result().data == b"2"


def test_an_answer_too_large_to_keep_is_still_shared() -> None:
    stage = Stage(ANSWER | {"body": "x" * 2_000_000}, compress_from_bytes=2_000_001)
    hold = Hold(stage)
    owner = hold.begin()
    stage.clock.advance(0.1)
    waiter = hold.join()
    hold.go_on.set()
    assert not owner.result().stored
    assert waiter.result().data == owner.result().data
    assert statements(stage) == 1


def test_the_failure_of_an_owner_frees_those_who_wait_to_try_themselves() -> None:
    stage = Stage(GONE, ANSWER)
    hold = Hold(stage)
    owner = hold.begin()
    waiters = [hold.join() for _ in range(4)]
    hold.go_on.set()
    with pytest.raises(DatabaseUnavailable):
        owner.result()
    assert {reader.result().data for reader in waiters} == {b'{"loans":1}'}
    assert statements(stage) == 2


def test_who_waited_long_for_a_failure_does_not_begin_anew() -> None:
    stage = Stage(GONE, ANSWER, statement_timeout_seconds=3.0)
    hold = Hold(stage)
    owner = hold.begin()
    waiter = hold.join()
    stage.clock.advance(3.0)
    hold.go_on.set()
    for reader in (owner, waiter):
        with pytest.raises(DatabaseUnavailable):
            reader.result()
    assert statements(stage) == 1


def test_waiting_for_another_has_an_end() -> None:
    stage = Stage(statement_timeout_seconds=0.0)
    hold = Hold(stage)
    owner = hold.begin()
    stage.clock.advance(10)
    stage.feed.apply()
    ticks = iter([stage.clock.now])
    stage.path.monotonic = lambda: next(ticks, stage.clock.now + 60.0)
    waiter = hold.join()
    with pytest.raises(DatabaseUnavailable):
        waiter.result()
    hold.go_on.set()
    owner.result()


def test_a_turn_that_comes_after_the_answer_was_stored_computes_nothing() -> None:
    stage = Stage()
    join = stage.cache.join

    def late(*arguments: Any, **options: Any) -> Any:
        stage.cache.join = join  # type: ignore[method-assign]
        stage.read()  # Another request's read, from beginning to end, between this one's miss and its turn.
        return join(*arguments, **options)

    stage.cache.join = late  # type: ignore[method-assign]
    assert stage.read().source == "cache"
    assert statements(stage) == 1


# --- the database gone


def stage_with_the_database_gone(**options: Any) -> Stage:
    stage = Stage(ANSWER, GONE, **options)
    stage.read()
    stage.clock.advance(1.0 + 20)
    return stage


def test_nothing_past_its_trust_is_served_unless_allowed() -> None:
    with pytest.raises(DatabaseUnavailable):
        stage_with_the_database_gone().read()


@pytest.mark.parametrize(
    ("setting", "policy"),
    [
        (20, ReadPolicy()),
        (0, ReadPolicy(stale_if_error_seconds=20)),
        (0, ReadPolicy(exact=True, stale_if_error_seconds=20)),
    ],
)
def test_where_allowed_an_entry_past_its_trust_is_served_and_says_so(setting: int, policy: ReadPolicy) -> None:
    stage = stage_with_the_database_gone(stale_if_error_seconds=setting)
    reading = stage.read(policy)
    assert (reading.stale, reading.source, reading.age_seconds) == (True, "cache", 21.0)
    assert stage.path.statistics().stale == 1


@pytest.mark.parametrize(
    ("setting", "policy"),
    [
        (19, ReadPolicy()),
        (60, EXACT),
        (60, ReadPolicy(max_age_seconds=5)),
        (60, ReadPolicy(stale_if_error_seconds=0)),
        (0, ReadPolicy(stale_if_error_seconds=19)),
    ],
)
def test_nothing_further_past_its_trust_than_allowed_is_served(setting: int, policy: ReadPolicy) -> None:
    with pytest.raises(DatabaseUnavailable):
        stage_with_the_database_gone(stale_if_error_seconds=setting).read(policy)


def test_a_defect_is_never_hidden_by_an_entry_past_its_trust() -> None:
    stage = Stage(ANSWER, DEFECT, stale_if_error_seconds=60)
    stage.read()
    stage.clock.advance(21.0)
    for policy in (ANY, ReadPolicy(stale_if_error_seconds=60)):
        with pytest.raises(StatementFailed):
            stage.read(policy)
    assert stage.path.statistics() == ReadStatistics(materialized_view=1, patched=1, view_failed=2, statement_failed=2)


def test_a_defect_meets_everybody_who_waits_for_the_same_answer_and_is_computed_once() -> None:
    stage = Stage(DEFECT, statement_timeout_seconds=3.0, stale_if_error_seconds=60)
    hold = Hold(stage)
    owner = hold.begin()
    waiters = [hold.join() for _ in range(4)]
    stage.clock.advance(3.0)
    hold.go_on.set()
    for reader in (owner, *waiters):
        with pytest.raises(StatementFailed):
            reader.result()
    assert statements(stage) == 1


# --- a failing cache


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("a defect of the cache")


@pytest.mark.parametrize(
    ("part", "method", "policy"),
    [(Region, "hit", ANY), (RunningFills, "find", EXACT), (Store, "put", EXACT), (RunningFills, "forget", EXACT)],
    ids=["lookup", "join", "store", "end"],
)
def test_a_failure_of_the_cache_is_counted_and_read_past(
    part: type, method: str, policy: ReadPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(ANSWER, SECOND)
    stage.read()
    with monkeypatch.context() as broken:
        broken.setattr(part, method, fail)
        reading = stage.read(policy)
    assert reading.data == b"2"
    assert not reading.stored
    assert stage.path.statistics().cache_failed >= 1
    assert not stage.cache.may_answer(stage.clock.now), "what it holds may be behind what was shown"
    assert stage.read().data == b"2", "nobody waits for a computation that is over"


@pytest.mark.parametrize(
    ("part", "method"), [(RunningFills, "forget"), (Region, "use")], ids=["abandon", "last_resort"]
)
def test_a_failing_cache_does_not_hide_that_the_database_is_gone(
    part: type, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(GONE, stale_if_error_seconds=60)
    monkeypatch.setattr(part, method, fail)
    with pytest.raises(DatabaseUnavailable):
        stage.read()


def test_a_failure_to_end_a_computation_wakes_everyone_who_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(ANSWER, SECOND)
    hold = Hold(stage)
    owner = hold.begin()
    stage.clock.advance(0.1)
    waiters = [hold.join() for _ in range(3)]
    monkeypatch.setattr(RunningFills, "forget", fail)
    hold.go_on.set()
    assert owner.result().data == b'{"loans":1}'
    assert {waiter.result().data for waiter in waiters} == {b"2"}, "what the cache could not check is not shared"


# --- what a reading says


def test_data_is_compressed_from_a_size_on() -> None:
    text = '{"loans":1},' * 100
    at_least, below = (Stage(ANSWER | {"body": text}, compress_from_bytes=len(text) + more) for more in (0, 1))
    assert isinstance(at_least.read().body, Deflated)
    assert below.read().body == text.encode()


def test_parameters_are_told_as_the_answer_resolved_them() -> None:
    stage = Stage(ANSWER | {"today": date(2026, 3, 30)})
    reading = stage.path.read("shelves", 7, {"from": date(2026, 3, 1), "to": None})
    assert json.loads(reading.parameters) == {"from": "2026-03-01", "to": "2026-03-30"}


def test_an_etag_depends_on_user_question_and_data_only() -> None:
    same = Stage(ANSWER, ANSWER | {"drain_id": 11, "epoch": 1, "patched_days": 0})
    assert same.read(EXACT).etag == same.read(EXACT).etag
    other = Stage(ANSWER, ANSWER | {"body": '{"loans":2}'})
    assert other.read(EXACT).etag != other.read(EXACT).etag
    assert other.read().etag.startswith('"')
