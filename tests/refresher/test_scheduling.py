"""The jobs of the refresher: one that takes long is neither run twice at once nor warned about."""

import threading
from collections.abc import Iterator

import pytest

from models.session_limits import REFRESHER_CONNECTIONS
from models.settings import load_settings
from refresher.leader.drain import Drain
from refresher.leader.leader_session import LeaderSession
from refresher.process import RefresherProcess
from tests.neutral.catalog import CATALOG

SECONDS = 20  # For a busy machine.


@pytest.fixture
def process() -> Iterator[RefresherProcess]:
    """A refresher whose scheduler runs, and which never leads."""
    made = RefresherProcess(load_settings(), CATALOG, "postgresql://127.0.0.1:1/none")
    made._scheduler.start()
    yield made
    made._begin_no_more_jobs()  # As the process does before it ends.
    made._scheduler.shutdown(wait=False)


def test_a_job_that_takes_longer_than_its_pause_is_no_event(
    process: RefresherProcess, caplog: pytest.LogCaptureFixture
) -> None:
    others, again, running = threading.Semaphore(0), threading.Event(), threading.Semaphore(1)
    runs: list[bool] = []

    def slow() -> None:
        runs.append(running.acquire(blocking=False))
        if len(runs) > 1:
            again.set()
        for _ in range(3):  # Another job with the same pause runs meanwhile, so this one would have been due, too.
            assert others.acquire(timeout=SECONDS)
        running.release()

    process._add_job(slow, 1, "slow")
    process._add_job(others.release, 1, "other")
    assert again.wait(SECONDS)
    assert all(runs)
    for _ in range(9):
        others.release()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("apscheduler")] == []


def test_a_job_that_fails_runs_again(process: RefresherProcess) -> None:
    runs = threading.Semaphore(0)

    def fails() -> None:
        runs.release()
        raise ValueError("a defect")

    process._add_job(fails, 1, "fails")
    assert runs.acquire(timeout=SECONDS)
    assert runs.acquire(timeout=SECONDS)


def test_a_leader_has_no_more_sessions_than_doctor_counts(process: RefresherProcess) -> None:
    sessions = [part for part in vars(process).values() if isinstance(part, LeaderSession | Drain)]
    assert len(sessions) + 1 == REFRESHER_CONNECTIONS  # One looks after a statement that gets no answer.
