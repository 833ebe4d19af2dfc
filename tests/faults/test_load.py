"""The load reports the truth: nothing else checks what it reports."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.deployment.deployment import Deployment
from tests.faults.deployment.link import Link
from tests.faults.deployment.population import UTC_DAY
from tests.faults.load.books import ROWS_OF_A_USER, Book
from tests.faults.load.load import Load
from tests.faults.record import encoding
from tests.faults.record.history import Attempt, History, Read, Write, event_of, line_of
from tests.waiting import until

WRITERS = 3
SUMS = f"SELECT user_id, {UTC_DAY}, sum(cost_cents) FROM calls WHERE user_id = ANY (%s) GROUP BY 1, 2"
USERS = list(range(5, 30))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("load"), refreshers=1, workers=1)
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_an_event_outlives_its_line() -> None:
    events = [
        Write("7/1", 3, None, None, 1.5, None),
        Read("client-1", "worker-1", 7, True, 1.0, 2.0, 200, watermark=(1, 2), values={3: 1 << 60}, whole=1 << 61),
        Attempt(False, 1.0, 2.0, "57P01"),
    ]
    assert [event_of(line_of(event)) for event in events] == events


def test_no_two_rows_can_ever_have_one_bit_at_one_place() -> None:
    books = [Book("calls", True, index, WRITERS, USERS, random.Random(index)) for index in range(WRITERS)]
    plain: Counter[tuple[int, int, int]] = Counter()
    for book in books:
        while rows := book.new_rows(book.chance.randint(1, 4)):
            plain.update((row.user, row.day, row.bit) for row in rows)
    assert max(plain.values()) == 1
    assert len(plain) == len(USERS) * ROWS_OF_A_USER
    moving = Counter((user, bit) for book in books for group, bit, _ in book.moving for user in group)
    assert max(moving.values()) == 1
    assert {bit for _, bit in moving} == set(range(encoding.PLAIN_BITS, encoding.TAG_SHIFT))


def test_a_moving_row_moves_and_stays_in_its_group() -> None:
    book = Book("calls", True, 0, 1, USERS, random.Random(1))
    for slot in range(len(book.moving)):
        row, placed = book.moving_row(slot)
        assert not placed
        book.keep_moving(slot, row)
        for _ in range(20):
            user, day = book.destination(slot)
            assert (user, day) != (row.user, row.day)
            assert user in book.moving[slot][0]


def test_the_load_tells_what_the_database_holds_even_after_a_crash(deployment: Deployment, tmp_path: Path) -> None:
    users, crowd = deployment.add_users(6), deployment.add_users(3)
    load = Load(
        tmp_path / "load",
        database_url=deployment.cluster.url(),
        worker_urls=deployment.worker_urls,
        secret=deployment.secret,
        window=deployment.window,
        users=users,
        writes_per_second=200,
        reads_per_second=50,
        crowd=crowd,
    )
    load.start()
    try:
        _await_writes(load, 100)
        deployment.cluster.restart("immediate")
        crashed = time.monotonic()
        _await_writes(load, 100)
        until(lambda: any(it.sent > crashed and it.status == 200 for it in load.so_far().reads), "answer")
        load.pause_writers()
        told = len(load.so_far().writes)
        load.resume_writers()
        _await_writes(load, 20)
        until(lambda: _changed_late(deployment, crowd) == {True: encoding.OLD_DAYS}, "late changes of all old days")
    finally:
        history = load.stop()
    assert len(history.writes) >= told + 20
    assert {attempt.captured for attempt in history.attempts} == {True, False}
    assert any(attempt.sqlstate is not None for attempt in history.attempts)
    assert any(read.exact for read in history.reads)
    assert not _differences(deployment, history, users)


def test_a_commit_without_an_answer_is_told_as_unknown(deployment: Deployment, tmp_path: Path) -> None:
    users = deployment.add_users(6)
    link = Link(deployment.cluster.port)
    link.delay(0.02)  # so that a transaction is at its COMMIT for a good part of its time
    load = Load(
        tmp_path / "load",
        database_url=deployment.cluster.url(port=link.port),
        worker_urls=deployment.worker_urls,
        secret=deployment.secret,
        window=deployment.window,
        users=users,
        writes_per_second=100,
        reads_per_second=0,
        control=False,
    )
    load.start()
    try:
        until(lambda: link.reset_connections() or _await_writes(load, 10) or _unknown(load.so_far()), "lost COMMIT")
        link.heal()
        _await_writes(load, 50)
    finally:
        history = load.stop()
        link.close()
    assert {attempt.sqlstate for attempt in history.attempts} == {None, ""}
    assert not _differences(deployment, history, users)


def _changed_late(deployment: Deployment, crowd: list[int]) -> dict[bool, int]:
    """Return how many days of the crowd's calls were changed, by whether they are days of an archive."""
    query = (
        f"SELECT {UTC_DAY} < %s, count(DISTINCT {UTC_DAY}) FROM calls "
        "WHERE user_id = ANY (%s) AND duration_seconds > 60 GROUP BY 1"
    )
    with deployment.connect() as connection:
        return dict(connection.execute(query, (deployment.window[encoding.OLD_DAYS], crowd)).fetchall())


def _unknown(history: History) -> list[Write]:
    return [write for write in history.writes if write.committed is None and not write.rolled_back]


def _await_writes(load: Load, count: int) -> None:
    enough = len(load.so_far().writes) + count
    until(lambda: len(load.so_far().writes) >= enough, f"{count} writes", seconds=30)


def _differences(deployment: Deployment, history: History, users: list[int]) -> list[str]:
    """Return where the database holds something else than the history says it does, or may."""
    with deployment.connect() as connection:
        found = {
            (user, deployment.window.index(day)): int(cents)
            for user, day, cents in connection.execute(SUMS.encode(), (users,))
        }
    states: dict[str, list[Write]] = {}  # of each row: the last one known, and unknown ones after it
    for write in sorted(history.writes, key=lambda it: it.commit_sent):
        if not write.rolled_back:
            states[write.row] = [*(states.get(write.row, []) if write.committed is None else []), write]
    expected = {(user, day): encoding.tag(user) for user in users for day in range(encoding.DAYS)}
    for row, writes in states.items():
        places = [(it.user, it.day) for it in writes]
        held = [place for place in places if place[0] and found[place] >> writes[0].bit & 1]  # type: ignore[index]
        certain = len(writes) == 1 and writes[0].committed is not None
        if certain and writes[0].user and not held:
            return [f"row {row} should be at {places}"]
        for user, day in held[:1]:
            assert user is not None
            assert day is not None
            expected[user, day] += 1 << writes[0].bit
    return [f"{place}: {found[place]:b} is not {mask:b}" for place, mask in expected.items() if found[place] != mask]
