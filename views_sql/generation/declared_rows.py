"""How the live rows of a declared view are read: grouped from its row view, by ranges of an index on user and time."""

from collections.abc import Callable
from dataclasses import dataclass

from views_sql.declaration.maintained_view import MaintainedView
from views_sql.declaration.proven import FIRST_DAY, LAST_DAY, ProvenView
from views_sql.generation.live_rows import LiveRows
from views_sql.generation.names import identifier
from views_sql.generation.rights import close
from views_sql.generation.row_view import counts, days_between, row_view, rows_of_user
from views_sql.generation.stored_columns import TEMPLATE_VERSION
from views_sql.loader import fill_in, read_sql

# Days in a row are one range; of infinite days and of those that no row has there are none.
_RUNS = (
    "(SELECT min(o.day) AS first_day, max(o.day) AS last_day FROM ("  # nosec B608  # the days are ours
    "SELECT u.day, u.day - row_number() OVER (ORDER BY u.day)::integer AS run"
    f" FROM (SELECT DISTINCT unnest({{days}}) AS day) u WHERE u.day BETWEEN '{FIRST_DAY}' AND '{LAST_DAY}'"
    ") o GROUP BY o.run) s"
)


@dataclass(frozen=True, slots=True)
class DeclaredRows(LiveRows):
    """The live rows of a view over a row view.

    :param rows: returns the SELECT that groups rows ``r`` of the row view, from an item with its conditions.
    """

    proven: ProvenView
    rows: Callable[[str], str]

    def since(self, first: str) -> str:
        """Return the SELECT of the rows from a day on, with a bound on the time for an index that begins with it."""
        return self._columns_of(self._of_days(first, None))

    def of_all(self, first: str, before: str) -> str:
        """Return the item of all users' rows from the day ``first`` on and before another."""
        return f"({self._of_days(first, f'{before} - 1')}) v"

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
        item = rows_of_user(self.proven, self.view.version, "r", "p_user", "p_first", "p_last", None)
        names = {"name": identifier(self.view.name), "select": self._columns_of(self.rows(item))}
        return [fill_in(read_sql("view_days", TEMPLATE_VERSION), names), close(f"{self.view.name}_days")]

    def _of_days(self, first: str, last: str | None) -> str:
        days = days_between(self.proven, "r", first, last)
        return self.rows(f"{row_view(self.proven, self.view.version)} r WHERE r.user_key IS NOT NULL AND {days}")


def declared_rows(proven: ProvenView, view: MaintainedView, rows: Callable[[str], str]) -> DeclaredRows:
    """Return the live rows of a maintained view that is made of a declared one."""
    everything = f"{row_view(proven, view.version)} r WHERE {counts(proven, 'r')}"
    return DeclaredRows(view, rows(everything), proven, rows)
