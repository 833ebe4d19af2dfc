"""What storms in which days are sealed step by step have in common: they request seals, and count what was sealed."""

from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import psycopg

from tests.concurrency.storm import Storm


class Seals(Storm):
    """A storm whose oracle notes each seal in a table ``storm_seal``.

    :ivar least_seals: how many seals a storm without a difference has at least.
    :ivar step_days: how many more days a seal seals.
    """

    least_seals: int
    step_days: int

    def _enough(self) -> bool:
        return super()._enough() and self.refreshes.get("sealed", 0) >= self.least_seals

    def _first_sealed(self) -> date:
        """Return the first day that any seal seals."""
        raise NotImplementedError

    def _ask(self, c: psycopg.Connection[Any], view: str) -> None:
        row = c.execute(
            "SELECT GREATEST(a.first_day, %s), a.before_day FROM frontview.view_state a "
            "WHERE a.view = %s AND a.tier = 'archive' AND isfinite(a.before_day) AND a.through IS NOT NULL",
            (self._first_sealed(), view),
        ).fetchone()
        if row is not None and (wanted := row[0] + timedelta(days=self.step_days)) <= row[1]:
            with suppress(psycopg.errors.InvalidParameterValue):  # It may have lost its contents meanwhile.
                c.execute("SELECT frontview.request_seal(%s, %s)", (view, wanted))

    def _note_seals(self, c: psycopg.Connection[Any], before: int) -> None:
        self.refreshes["sealed"] = self.refreshes.get("sealed", 0) + self._seals(c) - before

    def _seals(self, c: psycopg.Connection[Any]) -> int:
        row = c.execute("SELECT count(*) FROM storm_seal").fetchone()
        assert row is not None
        return int(row[0])
