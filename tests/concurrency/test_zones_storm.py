"""Answers are exact where each user has a time zone of their own and changes it, whatever runs beside."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refresher.refreshing import compaction
from tests.concurrency import sabotage
from tests.concurrency.sabotage import mark_backlogs_of_few_changes
from tests.concurrency.zones_storm import ZonesStorm, install_members
from tests.fix_postgres import Server, migrate

COMPARISONS, COMPARISONS_IN_PROOF = 120, 500


@pytest.fixture
def members_url(any_server: Server, tmp_path: Path) -> Iterator[str]:
    def prepare(url: str) -> None:
        migrate(url, "core@head", user_key="integer")
        install_members(url, tmp_path)

    url = any_server.create_prepared("members in zones", prepare, None)
    yield url
    any_server.drop(url)


@pytest.mark.parametrize(
    "in_backlogs",
    [
        pytest.param(False, id="few at once", marks=pytest.mark.every_change),
        pytest.param(True, id="in backlogs and chunks"),
    ],
)
def test_answers_are_exact_while_users_change_their_zones(
    members_url: str, in_backlogs: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_backlogs:
        mark_backlogs_of_few_changes(members_url)
        monkeypatch.setattr(compaction, "CHUNK_KEYS", 3)
    wanted = COMPARISONS_IN_PROOF if request.node.get_closest_marker("proof") else COMPARISONS

    storm = ZonesStorm(members_url, seconds=150, comparisons=wanted).run()

    assert storm.differences == []
    assert storm.comparisons >= wanted
    assert sum(tally.patched for tally in storm.tallies) > wanted / 10
    assert storm.refreshes.get("moved", 0) >= 5


@pytest.mark.proof
@pytest.mark.parametrize(
    "leave_out",
    [
        sabotage.mark_the_logged_day_only,
        sabotage.read_the_logged_day_only,
        sabotage.leave_changes_of_zones_out,
        sabotage.read_from_midnight_to_midnight,
    ],
)
@pytest.mark.parametrize("any_server", ["embedded"], indirect=True)
def test_the_storm_finds_what_is_left_out(members_url: str, leave_out: Callable[[str], None]) -> None:
    leave_out(members_url)

    storm = ZonesStorm(members_url, seconds=120, comparisons=10**9).run()

    assert storm.differences != []
