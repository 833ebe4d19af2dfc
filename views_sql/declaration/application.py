"""What ``frontview.toml`` declares, before any database has been asked: users, dimensions, views, measures, regions.

Invariant: a value that exists is well formed; what only PostgreSQL can say (columns, types, keys) is in
:mod:`views_sql.declaration.proven`. An expression is a column's exact name, or SQL over one row.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Expression = Annotated[str, Field(min_length=1, max_length=4000)]
Verb = Literal["count", "sum", "avg", "min", "max", "distinct", "percentile"]


class Declared(BaseModel):
    """A table of the file: unknown fields are refused, no value is converted, nothing changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class UserTable(Declared):
    """``[user]``: whose dashboards.

    :param table: schema and table in the catalog's spelling; None: every key that occurs is a user.
    :param key: None: the table's single-column primary key.
    :param zone: a fixed zone; whose days are counted.
    :param claim: dotted path of the token's claim that holds the key.
    """

    table: str | None = None
    key: str | None = None
    name: Expression | None = None
    zone: str = "UTC"
    claim: str = "sub"


class Measure(Declared):
    """One measure of a view: one verb with its argument, over the rows for which ``where`` is true.

    :param argument: None for ``count``.
    :param at: the share of a percentile, between 0 and 1.
    :param decimals: places of an average.
    :param live: computed from the base rows of the range, in the same snapshot, never stored.
    """

    verb: Verb
    argument: Expression | None = None
    where: Expression | None = None
    at: float | None = None
    decimals: int | None = None
    unit: str | None = None
    label: str | None = None
    better: Literal["more", "less"] | None = None
    hidden: bool = False
    live: bool = False


class View(Declared):
    """``[view.NAME]``: rows of one table, counted by user, day and dimensions.

    :param user: None: the only foreign key to ``[user].table``.
    :param time: a date, timestamp or timestamptz; None: a view without days, one row a user and dimensions.
    :param stored_zone: the zone that a timestamp without time zone is in.
    :param zone: days of another zone than the user's.
    :param longest_days: the longest range that a request may ask for.
    """

    name: Name
    table: str
    user: str | None = None
    time: str | None = None
    stored_zone: str = "UTC"
    zone: str | None = None
    where: Expression | None = None
    dimensions: dict[Name, Expression] = Field(default_factory=dict)
    measures: dict[Name, Measure]
    region: Name = "default"
    ttl_seconds: int = 600
    longest_days: int = 400
    trust: tuple[str, ...] = ()


class Region(Declared):
    """``[region.NAME]``: a part of the front cache with limits of its own."""

    name: Name
    max_entries: int = 500
    max_bytes: int = 50_000_000


class Application(Declared):
    """Everything that a project declares, from all of its files."""

    user: UserTable
    views: tuple[View, ...]
    regions: tuple[Region, ...]
