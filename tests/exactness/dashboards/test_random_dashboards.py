"""Answers of random dashboards and lists equal plain SQL over the host's own tables, in one snapshot each."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.exactness.dashboards import sabotage
from tests.exactness.dashboards.installation import installed_dashboards
from tests.exactness.dashboards.version_storm import HAPPENS, VersionStorm
from tests.exactness.upkeep import Differs
from tests.fix_postgres import Server

SEEDS, COMPARISONS, AT_ONCE = range(2), 70, 4
MORE_SEEDS, MORE_COMPARISONS = range(100, 108), 200  # On each of two servers: 3,200.
WRITES_SEED = 7
STORMS, STORM_SECONDS = (500,), 30.0
BROKEN = [
    (sabotage.one_filter_forgotten, 200),
    (sabotage.labels_of_everybody, 200),
    (sabotage.rows_of_everybody, 202),
    (sabotage.every_label_forgotten, 202),
    (sabotage.compared_a_day_off, 201),
    (sabotage.list_without_tie_break, 200),
    (sabotage.nothing_is_zero, 201),
    (sabotage.today_of_everybody, 200),
    (sabotage.zones_change_unseen, 201),
]
UNSEEN = [sabotage.labels_change_unseen, sabotage.lists_change_unseen, sabotage.facts_change_unseen]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_dashboards_answer_exactly(embedded_server: Server, tmp_path: Path, seed: int) -> None:
    with installed_dashboards(embedded_server, seed, tmp_path) as made:
        made.run(COMPARISONS, AT_ONCE)

    assert made.compared.total() >= COMPARISONS


@pytest.mark.proof
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_many_random_dashboards_answer_exactly(any_server: Server, tmp_path: Path, seed: int) -> None:
    with installed_dashboards(any_server, seed, tmp_path) as made:
        made.run(MORE_COMPARISONS, AT_ONCE)

    assert {"unpopulated", "undrained", "drained", "refreshed"} <= set(made.compared)


def test_cached_answers_follow_each_way_to_write(embedded_server: Server, tmp_path: Path) -> None:
    with installed_dashboards(embedded_server, WRITES_SEED, tmp_path) as made:
        made.writer.fill(40)
        made.visit_after_each_write(1)

    assert any(state.endswith(", cache") for state in made.compared)


@pytest.mark.proof
@pytest.mark.parametrize(("broken", "seed"), BROKEN, ids=[it.__name__ for it, _ in BROKEN])
def test_the_comparison_finds_what_is_broken(
    embedded_server: Server, tmp_path: Path, broken: Callable[[str], str], seed: int
) -> None:
    with installed_dashboards(embedded_server, seed, tmp_path, broken) as made, pytest.raises((Differs, psycopg.Error)):
        made.run(2 * MORE_COMPARISONS, AT_ONCE)


@pytest.mark.proof
@pytest.mark.parametrize("broken", UNSEEN)
def test_answers_that_do_not_follow_are_found(
    embedded_server: Server, tmp_path: Path, broken: Callable[[str], str]
) -> None:
    with installed_dashboards(embedded_server, WRITES_SEED, tmp_path, broken) as made:
        made.writer.fill(40)
        with pytest.raises(Differs):
            made.visit_after_each_write(3)


@pytest.mark.proof
@pytest.mark.parametrize("seed", STORMS)
def test_answers_are_exact_while_declarations_come_go_and_are_released(
    any_server: Server, tmp_path: Path, seed: int
) -> None:
    with installed_dashboards(any_server, seed, tmp_path) as made:
        storm = VersionStorm(made, tmp_path)
        storm.rage(STORM_SECONDS)

    assert min(storm.done[it] for it in HAPPENS) > 0, storm.done
