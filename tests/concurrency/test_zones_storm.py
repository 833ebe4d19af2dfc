"""Answers are exact where each user has a time zone of their own and changes it, whatever runs beside."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from refresher.leader.drain import drain_once
from refresher.leader.leadership import try_to_lead
from refresher.refreshing.refresh import refresh
from tests.concurrency import sabotage
from tests.concurrency.zones_storm import ASKED, ZonesStorm, install_members
from tests.fix_postgres import Server, migrate
from views_sql.operations.catalog import catalog_of
from views_sql.operations.database import active_declaration

COMPARISONS = 120
EVENT = "INSERT INTO event (member_id, at, written, amount) VALUES (1, %s, '2025-11-01', 1)"
LEAVE_ZONE = "UPDATE member SET timezone = 'UTC'"
OCTOBER, NOVEMBER_1, NOVEMBER_2 = date(2025, 10, 25), date(2025, 11, 1), date(2025, 11, 2)


def made_in(server: Server, folder: Path) -> Iterator[str]:
    """Yield a database of the members."""

    def prepare(url: str) -> None:
        migrate(url, "core@head", user_key="integer")
        install_members(url, folder)

    url = server.create_prepared("members in zones", prepare, None)
    yield url
    server.drop(url)


@pytest.fixture
def members_url(any_server: Server, tmp_path: Path) -> Iterator[str]:
    yield from made_in(any_server, tmp_path)


@pytest.fixture
def embedded_members_url(embedded_server: Server, tmp_path: Path) -> Iterator[str]:
    yield from made_in(embedded_server, tmp_path)


@pytest.mark.every_change
def test_answers_are_exact_while_users_change_their_zones(embedded_members_url: str) -> None:
    """On other servers, the storm in which days are sealed as well shows it."""
    storm = ZonesStorm(embedded_members_url, seconds=150, comparisons=COMPARISONS).run()

    assert storm.differences == []
    assert storm.comparisons >= COMPARISONS
    assert storm.refreshes.get("moved", 0) >= 5


def visits(c: psycopg.Connection[Any], first: date, last: date, *, base: bool = False) -> list[int]:
    """Return a member's visits of each day."""
    row = c.execute(ASKED["visits"].encode(), (1, first, last, base)).fetchone()
    assert row is not None
    return [it["visits"] for it in json.loads(row[0])["rows"]]


@pytest.mark.every_change
@pytest.mark.parametrize("broken", [False, True], ids=["as it is", "left out"])
@pytest.mark.parametrize(
    ("leave_out", "write", "drained"),
    [
        (sabotage.read_the_logged_day_only, EVENT, False),
        (sabotage.mark_the_logged_day_only, EVENT, True),
        (sabotage.leave_changes_of_zones_out, LEAVE_ZONE, True),
    ],
    ids=["read", "marked", "changes of zones"],
)
def test_what_happens_on_a_neighbour_of_the_utc_day_is_seen(
    members_url: str, leave_out: Callable[[str], None], write: str, drained: bool, broken: bool
) -> None:
    """On Kiritimati noon in UTC is of the next day; and without the step that sees it, the answer is the old one."""
    values = ("2025-11-01 13:00Z",) if write == EVENT else ()
    right = [0, 2] if write == EVENT else [1, 0]
    with psycopg.connect(members_url, autocommit=True) as c:
        c.execute("INSERT INTO member (id, name, timezone) VALUES (1, 'Somebody', 'Pacific/Kiritimati')")
        c.execute(EVENT, ("2025-11-01 12:00Z",))
        term, installed = try_to_lead(c), active_declaration(c)
        assert term is not None
        assert installed is not None
        drain_once(c, term)
        for view in catalog_of(installed).views:
            assert refresh(c, view, view.tiers, term.epoch, horizon=OCTOBER).outcome == "populated"
        if broken:
            leave_out(members_url)
        c.execute(write.encode(), values)
        if drained:
            drain_once(c, term)
        answer = visits(c, NOVEMBER_1, NOVEMBER_2)

    assert answer == ([0, 1] if broken else right)


@pytest.mark.every_change
@pytest.mark.parametrize(
    ("broken", "found"), [(False, [1]), (True, [0])], ids=["as it is", "from midnight to midnight"]
)
def test_the_hour_before_the_second_midnight_is_of_the_day(members_url: str, broken: bool, found: list[int]) -> None:
    """In Havana 2 November 2025 began at 04:00 UTC, and again an hour later."""
    if broken:
        sabotage.read_from_midnight_to_midnight(members_url)
    with psycopg.connect(members_url) as c:
        c.execute("INSERT INTO member (id, name, timezone) VALUES (1, 'Somebody', 'America/Havana')")
        c.execute(EVENT, ("2025-11-02 04:30Z",))
        assert visits(c, NOVEMBER_2, NOVEMBER_2, base=True) == found
