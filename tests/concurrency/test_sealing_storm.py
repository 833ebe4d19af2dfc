"""Sealed days stand in a storm, whatever is written, rebuilt, moved and sealed; and each step left out is found."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.concurrency import sabotage
from tests.concurrency.sealing_storm import SEALS, SealingStorm
from tests.fix_postgres import Server

COMPARISONS = 1000


@pytest.fixture
def stormy_url(any_server: Server) -> Iterator[str]:
    url = any_server.create(any_server.template)
    yield url
    any_server.drop(url)


def test_sealed_days_stay_as_they_were_sealed_and_others_are_exact(stormy_url: str) -> None:
    storm = SealingStorm(stormy_url, seconds=150, comparisons=COMPARISONS).run()

    assert storm.differences == []
    assert storm.comparisons >= COMPARISONS
    assert storm.refreshes.get("sealed", 0) >= SEALS
    assert storm.refreshes.get("moved", 0) >= 5
    with psycopg.connect(stormy_url) as connection:
        late = connection.execute("SELECT sum(sealed_changes) FROM frontview.seal").fetchone()
    assert late is not None
    assert late[0] > 0


@pytest.mark.parametrize(
    ("leave_out", "drain_pause"),
    [
        (sabotage.seal_without_undrained_keys, 0.5),
        (sabotage.seal_without_waiting_for_open_transactions, 0.005),
        (sabotage.rebuild_forgets_sealed_rows, 0.005),
        (sabotage.reads_take_sealed_days_for_stale, 0.005),
    ],
)
def test_the_storm_finds_a_step_of_sealing_left_out(
    database_url: str, leave_out: Callable[[str], None], drain_pause: float
) -> None:
    leave_out(database_url)

    storm = SealingStorm(database_url, seconds=60, comparisons=10**9, drain_pause=drain_pause).run()

    assert storm.differences
