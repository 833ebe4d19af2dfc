"""Periodic work on connections of the worker's pool.

Invariant: it disturbs nobody; :meth:`Background.stop` ends it within about a second even where the database says
nothing.
"""

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import QueuePool

from models.deadlines import Deadlines
from refresher.tally import Tally
from web.periodic import Periodic

KIND_SECONDS = 0.5  # for the work to end by itself
CUT_SECONDS = 0.5  # for it to see that its connection was cut


class Background(Periodic):
    """Calls ``work`` every ``seconds`` from a thread of its own.

    :param engine: whose connections ``work`` uses, watched by ``deadlines``; the others as for :class:`Periodic`.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        work: Callable[[], object],
        *,
        engine: Engine,
        deadlines: Deadlines,
        tally: Tally | None = None,
        last: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(name, seconds, work, last=last, tally=tally)
        self._deadlines = deadlines
        self._connection: Any = None
        event.listen(engine, "checkout", self._checked_out)
        event.listen(engine, "checkin", self._checked_in)

    def stop(self, seconds: float = KIND_SECONDS) -> bool:
        """End the thread, whatever it waits for in the database; return whether it ended in time."""
        if super().stop(seconds):
            return True
        if (connection := self._connection) is not None:
            self._deadlines.cut(connection)
            self._thread.join(CUT_SECONDS)
        return not self._thread.is_alive()

    # --- in the thread

    def _checked_out(self, connection: Any, *_: object) -> None:
        if threading.current_thread() is self._thread:
            self._connection = connection

    def _checked_in(self, connection: Any, *_: object) -> None:
        if self._connection is connection:
            self._connection = None


def has_free_connection(engine: Engine) -> bool:
    """Return whether a connection of the pool could be had at once: who may wait for later does not queue for one."""
    pool = engine.pool
    return not isinstance(pool, QueuePool) or pool.checkedout() < pool.size()
