"""What a test knows about a host's database: its users, how its rows are written, and its views in the oracle's SQL.

Invariant: nothing here comes from the product; what the oracle computes is spelled otherwise than in `frontview.toml`.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from tests.exactness.description import Column, Description, Expression, Measure

FOLDER = Path(__file__).parent
AROUND = (1, 20, 45, 150)  # Questions ask around the days that are this number of days ago.


@dataclass(frozen=True)
class Rename:
    """A column that gets another name while writers run."""

    table: str
    column: Column
    name: str


@dataclass(frozen=True)
class Host:
    """A host; each test makes its own, since its columns change their names.

    :param users: keys; the last one has no rows.
    :param fill: statements that write its rows, with the keys as ``%(users)s``.
    :param names: the columns that get other names, as ``writes`` call them.
    :param writes: statements of its applications, each about one row, with the keys as ``%(users)s``.
    :param changes: statements about the tables themselves, run while its applications write.
    """

    name: str
    claim: str
    users: tuple[str, ...]
    views: dict[str, Description]
    fill: tuple[str, ...]
    names: dict[str, Column]
    writes: tuple[str, ...]
    renames: tuple[Rename, ...]
    changes: tuple[str, ...] = ()

    @property
    def keys(self) -> dict[str, list[str]]:
        """The values of its statements."""
        return {"users": list(self.users)}

    @property
    def dump(self) -> str:
        return (FOLDER / self.name / "dump.sql").read_text()

    @property
    def declared(self) -> str:
        return (FOLDER / self.name / "frontview.toml").read_text()


def column(name: str, kind: str, *pool: str | None) -> Column:
    return Column(name, kind, pool)


def value(of: Column, own: str = "$c", kind: str | None = None) -> Expression:
    """Return an expression over a column as the oracle computes it; what the file has is in the file."""
    return Expression(of, kind or of.type, own, own, of.pool)


def measures(*of: Measure) -> dict[str, Measure]:
    return {it.name: it for it in of}


def view(
    table: tuple[str, str],
    user: Column,
    time: Column | None,
    zone: str,
    dimensions: dict[str, Expression],
    measured: dict[str, Measure],
    where: Expression | None = None,
) -> Description:
    """Return a view of ``table``: the rows', then the users', each as SQL spells it."""
    rows, users = table
    kind = time.type if time else None
    made = Description(
        0, user.type, kind, zone, "UTC", True, False, None, False, [], where, dimensions, measured, rows, users
    )
    made.user, made.time = user, time
    made.instants = tuple(str(date.today() - timedelta(days)) for days in AROUND)
    return made
