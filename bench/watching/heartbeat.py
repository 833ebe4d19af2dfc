"""Watches the leader from outside: the age of its heartbeat, and how long statements of its drain connection take.

Invariant: it reads only what any client can see: the newest drain's row and the activity of the leader's session.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.watching.looking import looking
from models.connection import Connection
from refresher.leader.connections import DRAIN_NAME

_LOOK = """
SELECT d.epoch, EXTRACT(EPOCH FROM clock_timestamp() - d.drained_at)::float8, a.query,
    EXTRACT(EPOCH FROM clock_timestamp() - a.query_start)::float8
FROM (SELECT * FROM frontview.drain ORDER BY drain_id DESC LIMIT 1) d
LEFT JOIN pg_stat_activity a ON a.application_name = %s AND a.datname = current_database() AND a.state = 'active'
"""
_FUNCTION = re.compile(r"frontview\.(\w+)\(")


@dataclass(slots=True)
class Heartbeat:
    """What was seen; times are seconds.

    :param oldest: the largest age of the heartbeat.
    :param longest: by function, the longest statement that was seen under way.
    :param began: monotonic time at which a leader was seen first.
    """

    oldest: float = 0.0
    longest: dict[str, float] = field(default_factory=dict)
    began: float | None = None

    def note(self, age: float, query: str | None, seconds: float | None) -> None:
        """Add what one check found."""
        self.began = self.began or time.monotonic()
        self.oldest = max(self.oldest, age)
        if query is not None and seconds is not None and (found := _FUNCTION.search(query)):
            self.longest[found[1]] = max(self.longest.get(found[1], 0.0), seconds)


@contextmanager
def watched(url: str, after_epoch: int = -1) -> Iterator[Heartbeat]:
    """Watch while the block runs.

    :param after_epoch: a leader of this or an earlier epoch is not looked at.
    """
    beat = Heartbeat()

    def look(connection: Connection) -> None:
        for epoch, age, query, seconds in connection.execute(_LOOK, (DRAIN_NAME,)).fetchall():
            if epoch > after_epoch:
                beat.note(age, query, seconds)

    with looking(url, "heartbeat", look):
        yield beat
