"""The verdict over a declaration: what is proven, what is wrong with it, what is missing, and what it costs."""

from dataclasses import dataclass

from views_sql.declaration.fault import Fault
from views_sql.declaration.proven import ProvenApplication


@dataclass(frozen=True, slots=True)
class Advice:
    """A statement that somebody should run in the database, before ``migrate``.

    :param statement: complete SQL with its semicolon.
    :param reason: why; a sentence without its full stop.
    """

    statement: str
    reason: str


@dataclass(frozen=True, slots=True)
class Price:
    """What one view costs, as statistics and a sample say; numbers are estimates unless ``exact``.

    :param rows: of the table.
    :param groups: stored rows: of a user, a day and the dimensions.
    :param bytes: of the stored rows with their index, hidden views of ``distinct`` included.
    :param hidden: rows of the hidden view of each ``distinct`` measure.
    :param population_seconds: how long the first population reads.
    :param widest: the dimension with the most values, and how many they are; None where no dimension is to blame.
    """

    view: str
    rows: int
    groups: int
    bytes: int
    hidden: dict[str, int]
    population_seconds: float
    exact: bool
    widest: tuple[str, int] | None

    @property
    def saves_nothing(self) -> bool:
        """Whether stored rows are hardly fewer than the table's own."""
        return self.rows >= 1000 and self.groups > self.rows / 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What PostgreSQL says about a declaration.

    :param proven: None if there is any fault.
    :param warnings: of what may go wrong later; the application may be installed nevertheless.
    """

    proven: ProvenApplication | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    advice: tuple[Advice, ...]
    prices: tuple[Price, ...]
