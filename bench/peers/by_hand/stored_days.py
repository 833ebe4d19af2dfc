"""How generated SQL reads the live rows of a view of 0.1, whose base table has the day in a column.

Invariant: as of declared views, an item calls its rows ``v``, and ends in the conditions that choose them.
"""

from dataclasses import dataclass
from typing import cast

from views_sql.declaration.maintained_view import MaintainedView
from views_sql.declaration.proven import ProvenView
from views_sql.generation.live_rows import LiveRows
from views_sql.generation.names import identifier


@dataclass(frozen=True, slots=True)
class StoredDays(LiveRows):
    """The live rows of a view whose SELECT was written by hand; it has no declared view.

    :param select: all rows of the view, from base tables.
    """

    select: str

    def relation(self) -> str:
        """Return the SELECT of the live relation: all rows."""
        return self.columns_of(self.select)

    def since(self, first: str) -> str:
        """Return the SELECT of the rows from a day on, with all columns of the live relation."""
        return f"SELECT * FROM frontview.{self.view.name}_live WHERE {self._day} >= {first}"  # nosec B608  # names are checked

    def of_all(self, first: str, before: str) -> str:
        """Return the item of all users' rows from the day ``first`` on and before another."""
        return f"frontview.{self.view.name}_live v WHERE v.{self._day} >= {first} AND v.{self._day} < {before}"

    def of_user(self, user: str, first: str, last: str) -> str:
        """Return the item of a user's rows of the days ``first`` to ``last``."""
        return f"{self._of(user)} AND v.{self._day} BETWEEN {first} AND {last}"

    def of_sealed(self, first: str, before: str) -> str:
        """Return the item of the rows from which sealed days were computed."""
        return self.of_all(first, before)

    def keep_zones(self, _day: str) -> str:
        """Return no statement: a stored day needs no zone."""
        return ""

    def on_days(self, user: str, days: str) -> str:
        """Return the item of a user's rows on the days of an array, in any order."""
        return f"{self._of(user)} AND v.{self._day} = ANY ({days})"

    def functions(self) -> list[str]:
        """Return no function: the items need none."""
        return []

    def _of(self, user: str) -> str:
        return f"frontview.{self.view.name}_live v WHERE v.{identifier(self.view.unique_key[0])} = {user}"

    @property
    def _day(self) -> str:
        return identifier(self.view.day_column or "")


def stored_days(view: MaintainedView, select: str) -> StoredDays:
    """Return the live rows of a view."""
    return StoredDays(view, cast("ProvenView", None), str, select)
