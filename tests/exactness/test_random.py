"""Answers of random applications equal plain SQL over the host's own table, in one snapshot, in every state."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.exactness import sabotage
from tests.exactness.installation import Installation, installed
from tests.exactness.storm import LEAST, LONGEST_SECONDS, Storm
from tests.exactness.upkeep import Differs
from tests.fix_postgres import Server

SEEDS, COMPARISONS, AT_ONCE = range(4), 100, 4
MORE_SEEDS, MORE_COMPARISONS, MORE_AT_ONCE = range(100, 113), 400, 5  # On each of two servers: 10,400.
STORMS, STORM_SECONDS = (400, 401, 402, 403), 8.0
BROKEN = [
    (sabotage.margin_of_none, 204),
    (sabotage.null_as_a_value, 200),
    (sabotage.only_new_keys, 200),
    (sabotage.day_of_the_session, 213),
    (sabotage.unguarded_day, 231),
    (sabotage.truncate_logs_nothing, 201),
    (sabotage.names_are_trusted, 206),
    (sabotage.nothing_is_watched, 200),
    (sabotage.replica_role_is_silent, 201),
    (sabotage.everybody_exists, 212),
]
BROKEN_LATER = [
    (sabotage.nobody_adopts, 204),
    (sabotage.the_worker_keeps_everything, 200),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_applications_answer_exactly(any_server: Server, tmp_path: Path, seed: int) -> None:
    with installed(any_server, seed, tmp_path) as made:
        made.run(COMPARISONS, AT_ONCE)

    assert made.compared.total() >= COMPARISONS


@pytest.mark.proof
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_many_random_applications_answer_exactly(any_server: Server, tmp_path: Path, seed: int) -> None:
    with installed(any_server, seed, tmp_path) as made:
        made.run(MORE_COMPARISONS, MORE_AT_ONCE)

    assert made.compared.total() >= MORE_COMPARISONS
    assert {"unpopulated", "undrained", "drained", "refreshed"} <= set(made.compared)


@pytest.mark.proof
@pytest.mark.parametrize(("broken", "seed"), BROKEN, ids=[it.__name__ for it, _ in BROKEN])
def test_the_comparison_finds_what_is_broken(
    embedded_server: Server, tmp_path: Path, broken: Callable[[str], str], seed: int
) -> None:
    """A writer that fails is found, too."""
    with installed(embedded_server, seed, tmp_path, broken) as made, pytest.raises((Differs, psycopg.Error)):
        made.run(MORE_COMPARISONS, MORE_AT_ONCE)


@pytest.mark.proof
@pytest.mark.parametrize(("broken", "seed"), BROKEN_LATER, ids=[it.__name__ for it, _ in BROKEN_LATER])
def test_the_comparison_finds_what_does_not_run(
    embedded_server: Server, tmp_path: Path, broken: Callable[[Installation], None], seed: int
) -> None:
    with installed(embedded_server, seed, tmp_path) as made:
        broken(made)
        with pytest.raises(Differs):
            made.run(MORE_COMPARISONS, MORE_AT_ONCE)


@pytest.mark.proof
@pytest.mark.parametrize("seed", STORMS)
def test_a_storm_of_writers_and_ddl_fails_nobody_and_answers_exactly(
    any_server: Server, tmp_path: Path, seed: int
) -> None:
    """FAULTS 38, 42, 48 and 49 together: bulk loads, odd sessions, renames and partitions, rows without user or day."""
    with installed(any_server, seed, tmp_path) as made:
        storm = Storm(made)
        storm.rage(STORM_SECONDS)

    assert min(storm.done.values()) >= LEAST, storm.done


@pytest.mark.proof
def test_a_storm_finds_what_is_broken(embedded_server: Server, tmp_path: Path) -> None:
    with installed(embedded_server, STORMS[0], tmp_path, sabotage.nothing_is_watched) as made, pytest.raises(Differs):
        Storm(made).rage(LONGEST_SECONDS)
