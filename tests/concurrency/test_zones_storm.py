"""Answers are exact where each user has a time zone of their own and changes it, whatever runs beside."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from refresher.refreshing import compaction
from tests.concurrency import sabotage
from tests.concurrency.sabotage import mark_backlogs_of_few_changes
from tests.concurrency.zones_storm import ASKED, ZonesStorm, install_members
from tests.fix_postgres import Server, migrate

COMPARISONS = 120


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
    members_url: str, in_backlogs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_backlogs:
        mark_backlogs_of_few_changes(members_url)
        monkeypatch.setattr(compaction, "CHUNK_KEYS", 3)

    storm = ZonesStorm(members_url, seconds=150, comparisons=COMPARISONS).run()

    assert storm.differences == []
    assert storm.comparisons >= COMPARISONS
    assert sum(tally.patched for tally in storm.tallies) > COMPARISONS / 10
    assert storm.refreshes.get("moved", 0) >= 5


@pytest.mark.proof
@pytest.mark.parametrize(
    "leave_out",
    [
        sabotage.mark_the_logged_day_only,
        sabotage.read_the_logged_day_only,
        sabotage.leave_changes_of_zones_out,
    ],
)
@pytest.mark.parametrize("any_server", ["embedded"], indirect=True)
def test_the_storm_finds_what_is_left_out(members_url: str, leave_out: Callable[[str], None]) -> None:
    leave_out(members_url)

    storm = ZonesStorm(members_url, seconds=120, comparisons=10**9).run()

    assert storm.differences != []


@pytest.mark.every_change
@pytest.mark.parametrize(("broken", "visits"), [(False, 1), (True, 0)], ids=["as it is", "from midnight to midnight"])
def test_the_hour_before_the_second_midnight_is_of_the_day(members_url: str, broken: bool, visits: int) -> None:
    """In Havana 2 November 2025 began at 04:00 UTC, and again an hour later."""
    if broken:
        sabotage.read_from_midnight_to_midnight(members_url)
    with psycopg.connect(members_url) as c:
        c.execute("INSERT INTO member (id, name, timezone) VALUES (1, 'Somebody', 'America/Havana')")
        c.execute(
            "INSERT INTO event (member_id, at, written, amount) VALUES (1, '2025-11-02 04:30Z', '2025-11-02 04:30', 1)"
        )
        row = c.execute(ASKED["visits"].encode(), (1, date(2025, 11, 2), date(2025, 11, 2), True)).fetchone()
    assert row is not None
    assert json.loads(row[0])["totals"]["visits"] == visits
