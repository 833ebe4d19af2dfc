"""The leader's notes for processes that show it: what it plans to refresh, and which refreshers are connected.

Invariant: a note that cannot be written is counted and logged, and stops nothing else; an earlier leader's note never
replaces a later leader's.
"""

import json
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
import structlog

from models.connection import Connection
from models.event_counter import EventCounter
from refresher.leader.connections import DRAIN_NAME
from refresher.refreshing.policy import Decision

log = structlog.get_logger(__name__)

TOLERANCE_SECONDS = 0.5  # A planned time that differs by less counts as the same: it is computed again each second.
REFRESH_PLAN, REFRESHERS = "refresh_plan", "refreshers"

WRITE: LiteralString = """
INSERT INTO frontview.leader_note AS n (subject, epoch, written_at, content) VALUES (%s, %s, clock_timestamp(), %s)
ON CONFLICT (subject) DO UPDATE
SET epoch = excluded.epoch, written_at = excluded.written_at, content = excluded.content WHERE n.epoch <= excluded.epoch
"""
# Another role sees that these sessions exist, but neither when they began nor where they come from.
SESSIONS: LiteralString = """
SELECT a.pid, host(a.client_addr), extract(epoch FROM a.backend_start)::float8 FROM pg_stat_activity a
WHERE a.application_name = %s AND a.datname = current_database() AND a.backend_start IS NOT NULL ORDER BY a.pid
"""

Planned = tuple[str, str, str, str, float | None]  # view, tier, code, why, and when it is due (monotonic)


class LeaderNotes:
    """Writes each note when its content has changed; used by one thread."""

    def __init__(self) -> None:
        self._plan: tuple[int, list[Planned]] = (0, [])
        self._sessions: tuple[int, list[Any]] = (0, [])
        self._counter = EventCounter()

    def plan(self, connection: Connection, epoch: int, decisions: Sequence[Decision], now: float) -> None:
        """Write the note on what was decided at monotonic time ``now``.

        :raises psycopg.Error: the connection is lost.
        """
        plan = [_planned(decision, now) for decision in decisions]
        written_in, written = self._plan
        if written_in == epoch and _is_same_plan(plan, written):
            return
        content = [
            {"view": it.tier.view, "tier": it.tier.tier, "in_seconds": it.in_seconds, "code": it.code, "why": it.why}
            for it in decisions
        ]
        if self._write(connection, REFRESH_PLAN, epoch, content):
            self._plan = (epoch, plan)

    def refreshers(self, connection: Connection, epoch: int) -> None:
        """Write the note on which refreshers are connected, this one included.

        :raises psycopg.Error: the connection is lost.
        """
        sessions = connection.execute(SESSIONS, (DRAIN_NAME,)).fetchall()
        if self._sessions == (epoch, sessions):
            return
        content = [{"pid": pid, "address": address, "connected_at": at} for pid, address, at in sessions]
        if self._write(connection, REFRESHERS, epoch, content):
            self._sessions = (epoch, sessions)

    def _write(self, connection: Connection, subject: str, epoch: int, content: list[dict[str, Any]]) -> bool:
        try:
            connection.execute(WRITE, (subject, epoch, json.dumps(content)))
        except psycopg.Error as error:
            if connection.broken:
                raise
            if self._counter.add(subject):
                times = self._counter[subject]
                log.warning("leader_note_failed", subject=subject, sqlstate=error.sqlstate, times=times)
            return False
        return True


def _planned(decision: Decision, now: float) -> Planned:
    tier, seconds = decision.tier, decision.in_seconds
    # "at once" stays 0, however long it takes until then
    due = seconds if not seconds else now + seconds
    return tier.view, tier.tier, decision.code, decision.why, due


def _is_same_plan(plan: list[Planned], written: list[Planned]) -> bool:
    return len(plan) == len(written) and all(
        one[:4] == other[:4] and _is_same_time(one[4], other[4]) for one, other in zip(plan, written, strict=True)
    )


def _is_same_time(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= TOLERANCE_SECONDS
