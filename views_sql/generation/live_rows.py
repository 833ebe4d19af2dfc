"""How generated SQL reads the live rows of a view: its SELECT, and items of a FROM clause.

Invariant: an item calls its rows ``v``, and ends in the conditions that choose them, if it has any.
"""

from dataclasses import dataclass

from views_sql.declaration.maintained_view import MaintainedView
from views_sql.generation.names import identifier

# REFRESH … CONCURRENTLY sorts whole rows to find two that are equal, and skips rows that hold a NULL. Measured, this
# search takes two thirds of a refresh, and it finds nothing where the key is proven.
ALWAYS_NULL = "NULL::boolean AS always_null"


@dataclass(frozen=True, slots=True)
class LiveRows:
    """The live rows of a view whose SELECT an application wrote: its base tables have the day in a column.

    :param select: all rows of the view, from base tables.
    """

    view: MaintainedView
    select: str

    def relation(self) -> str:
        """Return the SELECT of the live relation: all rows."""
        return self._columns_of(self.select)

    def since(self, first: str) -> str:
        """Return the SELECT of the rows from a day on, with all columns of the live relation."""
        return f"SELECT * FROM frontview.{self.view.name}_live WHERE {self._day} >= {first}"  # nosec B608  # names are checked

    def of_all(self, first: str, before: str) -> str:
        """Return the item of all users' rows from the day ``first`` on and before another."""
        return f"frontview.{self.view.name}_live v WHERE v.{self._day} >= {first} AND v.{self._day} < {before}"

    def of_user(self, user: str, first: str, last: str) -> str:
        """Return the item of a user's rows of the days ``first`` to ``last``."""
        return f"{self._of(user)} AND v.{self._day} BETWEEN {first} AND {last}"

    def on_days(self, user: str, days: str) -> str:
        """Return the item of a user's rows on the days of an array, in any order."""
        return f"{self._of(user)} AND v.{self._day} = ANY ({days})"

    def functions(self) -> list[str]:
        """Return the DDL of functions that the items call."""
        return []

    def _columns_of(self, select: str) -> str:
        """Return the SELECT of the view's columns in the one order of all its relations, then :data:`ALWAYS_NULL`.

        Functions that return rows of the live relation match columns by their place, whatever they are called.
        """
        day = self.view.day_column
        columns = ", ".join(f"s.{identifier(column)}" for column in self.view.columns) if day else "s.*"
        return f"SELECT {columns}, {ALWAYS_NULL} FROM (\n{select}\n) s"  # nosec B608  # our own files and names

    def _of(self, user: str) -> str:
        return f"frontview.{self.view.name}_live v WHERE v.{identifier(self.view.unique_key[0])} = {user}"

    @property
    def _day(self) -> str:
        return identifier(self.view.day_column or "")
