"""The declared voice application answers what the hand-written dashboards of 0.1 answer, which are its peers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from bench.peers import by_hand
from bench.peers.by_hand.asking import BY_HAND, GENERATED, of_by_hand, of_generated, statement
from bench.system.seeded import refresh_all
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from tests.fix_postgres import Server
from tests.leading import lead
from tests.voice_stage import VOICE, add_call, fill
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.operations.catalog import load_application

ZONES = ("Pacific/Kiritimati", "America/Havana", "Asia/Kathmandu", "Pacific/Pago_Pago", "UTC", "Europe/Berlin")
USERS = range(1, len(ZONES) + 2)  # The last one has nothing.


@dataclass
class Both:
    """A database with both, and their views."""

    c: psycopg.Connection[Any]
    term: Term
    views: tuple[MaintainedView, ...]

    def refresh(self) -> None:
        horizon = datetime.now(UTC).date() - timedelta(days=40)
        refresh_all(self.c, (self.c, self.term), self.views, horizon)

    def drain(self) -> None:
        drain_once(self.c, self.term)

    def answer(self, function: str, user: int, *, base: bool = False) -> tuple[Any, str, int]:
        row = self.c.execute(statement(function, base=base).encode(), (user,)).fetchone()
        assert row is not None
        return row

    def compare(self, *, base: bool = False) -> list[tuple[str, int]]:
        """Compare every dashboard of every user, and return the sources and numbers of patched days that occurred."""
        seen = []
        for dashboard in GENERATED:
            for user in USERS:
                with self.c.transaction():
                    self.c.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    body, *how = self.answer(GENERATED[dashboard], user, base=base)
                    wanted, *_ = self.answer(BY_HAND[dashboard], user, base=base)
                assert of_generated(dashboard, body) == of_by_hand(dashboard, wanted), (dashboard, user)
                seen.append((how[0], how[1]))
        return seen


def _install(url: str) -> None:
    VOICE.install(url)
    with psycopg.connect(url, autocommit=True) as c:
        fill(c, len(USERS))
        for user, zone in enumerate(ZONES, 1):
            c.execute("UPDATE users SET timezone = %s WHERE id = %s", (zone, user))
        c.execute("DELETE FROM agents WHERE user_id = %s", (len(USERS),))
        c.execute("UPDATE agents SET is_active = FALSE WHERE id %% 5 = 0", ())
        # An agent without rows, and a call with another user's agent.
        c.execute("INSERT INTO agents (user_id, name) VALUES (1, 'Idle')")
        c.execute("INSERT INTO calls (user_id, agent_id, status) SELECT 2, min(id), 'busy' FROM agents")
        by_hand.install(c)  # It has the days of the zones that users have now.


@pytest.fixture
def both(embedded_server: Server) -> Iterator[Both]:
    url = embedded_server.create_prepared("declared voice application and its peer", _install, None)
    with psycopg.connect(url, autocommit=True) as c:
        term = lead(c)
        yield Both(c, term, (*load_application(c).views, *by_hand.VIEWS))
    embedded_server.drop(url)


def test_both_answer_the_same_figures(both: Both) -> None:
    both.drain()
    assert {source for source, _ in both.compare()} == {"database"}
    both.refresh()
    assert set(both.compare()) == {("materialized_view", 0)}
    for user in USERS[:-1]:
        for days_ago in (0, 1, 3, 29, 45, 200):
            add_call(both.c, user, days_ago, 7)
    both.c.execute("DELETE FROM lead_analytics WHERE id % 7 = 0")
    both.c.execute("UPDATE agents SET is_active = NOT is_active, name = name || '!' WHERE id % 2 = 0")
    both.c.execute("UPDATE users SET credits_cents = credits_cents + 1")
    both.c.execute("UPDATE agent_analytics SET csat_points = csat_points + id % 3 WHERE id % 4 = 0")
    both.drain()
    stale = both.compare()
    assert max(days for _, days in stale) > 5
    assert {source for source, _ in both.compare(base=True)} == {"database"}
    both.refresh()
    assert ("materialized_view", 0) in both.compare()
