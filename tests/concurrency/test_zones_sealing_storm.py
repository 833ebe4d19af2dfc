"""Sealed days of users' own zones stand, and no row counts twice or never, whatever zones users change to."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from refresher.refreshing.sealing import erase, unseal
from tests.concurrency import sabotage
from tests.concurrency.test_zones_storm import EVENT, made_in, visits
from tests.concurrency.zones_sealing_storm import SEALS, ZonesSealingStorm
from tests.fix_postgres import Server
from tests.leading import lead
from views_sql.operations.catalog import load_application
from web.operators.seals import sealed_tables

COMPARISONS = 120
FIRST, LAST = date(2025, 10, 28), date(2025, 11, 6)
SEALED_BEFORE, HORIZON = date(2025, 11, 1), date(2025, 11, 10)
# Noon of 31 October and half past midnight of 1 November on Kiritimati, where the member is.
NOON, NIGHT = "2025-10-30 22:00Z", "2025-10-31 10:30Z"
MOVE = "UPDATE member SET timezone = %s"
KEPT = "SELECT view, zone, before_day FROM frontview.sealed_zone WHERE view = 'visits_1' AND user_id = 1"


@pytest.fixture
def members_url(any_server: Server, tmp_path: Path) -> Iterator[str]:
    yield from made_in(any_server, tmp_path)


@pytest.fixture
def embedded_members_url(embedded_server: Server, tmp_path: Path) -> Iterator[str]:
    yield from made_in(embedded_server, tmp_path)


def test_sealed_days_stand_and_no_row_counts_twice_or_never(members_url: str) -> None:
    storm = ZonesSealingStorm(members_url, seconds=150, comparisons=COMPARISONS).run()

    assert storm.differences == []
    assert storm.comparisons >= COMPARISONS
    assert storm.refreshes.get("sealed", 0) >= SEALS


@pytest.mark.parametrize(
    "break_it", [sabotage.move_sealed_days_with_their_users, sabotage.read_the_first_unsealed_day_from_its_midnight]
)
def test_the_storm_finds_a_seal_that_forgets_zones(embedded_members_url: str, break_it: Callable[[str], None]) -> None:
    break_it(embedded_members_url)

    assert ZonesSealingStorm(embedded_members_url, seconds=90, comparisons=10**9).run().differences


class Members:
    """One member on Kiritimati with a visit before and one after the midnight up to which days are sealed."""

    def __init__(self, c: psycopg.Connection) -> None:
        self.c, self.term = c, lead(c)
        self.views = load_application(c).views
        c.execute("INSERT INTO member (id, name, timezone) VALUES (1, 'Somebody', 'Pacific/Kiritimati')")
        for moment in (NOON, NIGHT):
            c.execute(EVENT, (moment,))
        self.refresh_all("populated")

    def refresh_all(self, outcome: str = "refreshed") -> None:
        drain_once(self.c, self.term)
        for view in self.views:
            assert refresh(self.c, view, view.tiers, self.term.epoch, horizon=HORIZON).outcome in {outcome, "moved"}

    def seal(self, before: date = SEALED_BEFORE) -> None:
        for view in self.views:
            self.c.execute("SELECT frontview.request_seal(%s, %s)", (view.name, before))
        drain_once(self.c, self.term)
        for view in self.views:
            refresh(self.c, view, ("archive",), self.term.epoch)

    def move(self, zone: str) -> None:
        self.c.execute(MOVE, (zone,))
        drain_once(self.c, self.term)

    def days(self, *, base: bool = False) -> dict[int, int]:
        """Return the numbers of visits by day of the month."""
        found = visits(self.c, FIRST, LAST, base=base)
        return {
            (FIRST.toordinal() + n - date(2025, 10, 1).toordinal()) % 31 + 1: it for n, it in enumerate(found) if it
        }


@pytest.fixture
def members(members_url: str) -> Iterator[Members]:
    with connect(members_url, "frontview-test") as c:
        yield Members(c)


@pytest.mark.every_change
class TestSealing:
    @pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "UTC", "Pacific/Kiritimati"])
    def test_each_row_counts_once_whatever_zone_its_user_moves_to(self, members: Members, zone: str) -> None:
        """On Pago Pago both visits would be of 30 October."""
        members.seal()
        members.move(zone)

        assert members.days() == members.days(base=True) == {31: 1, 1: 1}
        members.refresh_all()
        assert members.days() == {31: 1, 1: 1}

    def test_a_later_seal_begins_where_the_last_one_ended(self, members: Members) -> None:
        members.seal()
        members.move("Pacific/Pago_Pago")
        members.seal(date(2025, 11, 3))

        assert members.c.execute(KEPT).fetchall() == [("visits_1", "Pacific/Pago_Pago", date(2025, 11, 3))]
        assert members.days() == {31: 1, 1: 1}

    def test_a_row_that_was_sealed_stays_so_whatever_zone_a_later_seal_is_in(self, members: Members) -> None:
        """The noon of 31 October on Pago Pago is of 1 November on Kiritimati, and of 2 November half an hour later."""
        members.move("Pacific/Pago_Pago")
        members.c.execute(EVENT, ("2025-11-01 10:30Z",))
        members.refresh_all()
        assert members.days() == {30: 2, 31: 1}
        members.seal()
        members.move("Pacific/Kiritimati")
        with pytest.raises(
            psycopg.errors.InvalidParameterValue, match="at least two are sealed at a time: those before"
        ):
            members.seal(date(2025, 11, 2))
        members.seal(date(2025, 11, 3))

        assert members.days() == members.days(base=True) == {30: 2, 31: 1}

    @pytest.mark.parametrize(
        ("view", "told"),
        [("visits_1", ("at", "2025-10-31T00:00:00Z")), ("written_1", ("written", "2025-10-30T00:00:00"))],
    )
    def test_rows_may_go_up_to_a_time_that_is_before_the_seal_in_every_zone(
        self, members: Members, view: str, told: tuple[str, str]
    ) -> None:
        (table,) = sealed_tables(members.c, view, SEALED_BEFORE)

        assert (table.day_column, table.before) == told

    def test_days_are_unsealed_where_rows_give_the_numbers_in_the_zone_of_the_seal(self, members: Members) -> None:
        members.seal()
        members.move("UTC")

        assert unseal(members.c, [view.name for view in members.views], None) == 0
        assert members.c.execute(KEPT).fetchall() == []
        assert members.days() == {30: 1, 31: 1}
        members.refresh_all()
        assert members.days() == {30: 1, 31: 1}

    def test_days_stay_sealed_where_rows_give_others(self, members: Members) -> None:
        members.seal()
        members.c.execute("DELETE FROM event WHERE at = %s", (NOON,))
        drain_once(members.c, members.term)

        assert unseal(members.c, [view.name for view in members.views], None) > 0
        assert members.days() == {31: 1, 1: 1}

    def test_erasing_a_person_removes_the_zone_that_was_kept(self, members: Members) -> None:
        members.seal()

        assert erase(members.c, "visits_1", "1", "dashboard:1:*") == 1
        assert members.c.execute(KEPT).fetchall() == []
