"""How generated SQL reads the live rows of a declared view: grouped from its row view, by ranges of an index.

Invariant: an item of a FROM clause calls its rows ``v``, and ends in the conditions that choose them, if it has any.
"""

from collections.abc import Callable
from dataclasses import dataclass

from views_sql.declaration.maintained_view import MaintainedView
from views_sql.declaration.proven import FIRST_DAY, LAST_DAY, ProvenView
from views_sql.generation.names import identifier
from views_sql.generation.rights import close
from views_sql.generation.row_view import (
    counts,
    days_between,
    keep_zones,
    sealed_rows,
    unsealed_rows,
    unsealed_rows_of_user,
)
from views_sql.generation.stored_columns import TEMPLATE_VERSION
from views_sql.loader import fill_in, read_sql

# REFRESH … CONCURRENTLY sorts whole rows to find two that are equal, and skips rows that hold a NULL. Measured, this
# search takes two thirds of a refresh, and it finds nothing where the key is proven.
ALWAYS_NULL = "NULL::boolean AS always_null"

# Days in a row are one range; of infinite days and of those that no row has there are none.
_RUNS = (
    "(SELECT min(o.day) AS first_day, max(o.day) AS last_day FROM ("  # nosec B608  # the days are ours
    "SELECT u.day, u.day - row_number() OVER (ORDER BY u.day)::integer AS run"
    f" FROM (SELECT DISTINCT unnest({{days}}) AS day) u WHERE u.day BETWEEN '{FIRST_DAY}' AND '{LAST_DAY}'"
    ") o GROUP BY o.run) s"
)


@dataclass(frozen=True, slots=True)
class LiveRows:
    """The live rows of a maintained view, over the row view of a declared one.

    :param rows: returns the SELECT that groups rows ``r`` of the row view, from an item with its conditions.
    """

    view: MaintainedView
    proven: ProvenView
    rows: Callable[[str], str]

    def relation(self) -> str:
        """Return the SELECT of the live relation: all rows."""
        return self.columns_of(self.rows(f"{self._unsealed} WHERE {counts(self.proven, 'r')}"))

    def since(self, first: str) -> str:
        """Return the SELECT of the rows from a day on, with a bound on the time for an index that begins with it."""
        return self.columns_of(self._of_days(self._unsealed, first, None))

    def of_all(self, first: str, before: str) -> str:
        """Return the item of all users' rows from the day ``first`` on and before another."""
        return f"({self._of_days(self._unsealed, first, f'{before} - 1')}) v"

    def of_sealed(self, first: str, before: str) -> str:
        """Return the item of the rows from which sealed days were computed, from the day ``first`` on."""
        rows = sealed_rows(self.proven, self.view.version, self.view.name)
        return f"({self._of_days(rows, first, f'{before} - 1')}) v"

    def keep_zones(self, day: str) -> str:
        """Return the statement that keeps what says which rows the days before ``day`` have, if rows do not say it."""
        return keep_zones(self.proven, self.view.version, self.view.name, self.view.unique_key[0], day)

    def of_user(self, user: str, first: str, last: str) -> str:
        """Return the item of a user's rows of the days ``first`` to ``last``."""
        return f"frontview.{self.view.name}_days({user}, {first}, {last}) v"

    def on_days(self, user: str, days: str) -> str:
        """Return the item of a user's rows on the days of an array: one range of the index for days in a row."""
        of_run = f"SELECT d.* FROM {self.of_user(user, 's.first_day', 's.last_day')[:-1]}d OFFSET 0"  # nosec B608  # names and literals are checked
        return f"{_RUNS.format(days=days)} CROSS JOIN LATERAL ({of_run}) v"

    def functions(self) -> list[str]:
        """Return the DDL of the function that reads a user's rows of some days; PostgreSQL puts it into its callers."""
        if self.view.day_column is None:
            return []
        item = unsealed_rows_of_user(self.proven, self.view.version, self.view.name, "p_user", "p_first", "p_last")
        names = {"name": identifier(self.view.name), "select": self.columns_of(self.rows(item))}
        return [fill_in(read_sql("view_days", TEMPLATE_VERSION), names), close(f"{self.view.name}_days")]

    def columns_of(self, select: str) -> str:
        """Return the SELECT of the view's columns in the one order of all its relations, then :data:`ALWAYS_NULL`.

        Functions that return rows of the live relation match columns by their place, whatever they are called.
        """
        day = self.view.day_column
        columns = ", ".join(f"s.{identifier(column)}" for column in self.view.columns) if day else "s.*"
        return f"SELECT {columns}, {ALWAYS_NULL} FROM (\n{select}\n) s"  # nosec B608  # our own files and names

    @property
    def _unsealed(self) -> str:
        return unsealed_rows(self.proven, self.view.version, self.view.name)

    def _of_days(self, rows: str, first: str, last: str | None) -> str:
        days = days_between(self.proven, "r", first, last)
        return self.rows(f"{rows} WHERE r.user_key IS NOT NULL AND {days}")
