"""What ``frontview.toml`` declares, before any database has been asked: users, views, measures, regions.

Invariant: a value that exists is well formed; what only PostgreSQL can say (columns, types, keys) is in
:mod:`views_sql.declaration.proven`. An expression is a column's exact name, or SQL over one row.

The descriptions and examples of the fields are docs/declaration.md. A field's alias is its name in the file.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from views_sql.declaration import words
from views_sql.declaration.dashboards import Dashboard, LabelledDimension, Listing, Metric
from views_sql.declaration.declared import FIRST_FILE, Declared, Expression, Line, Lines, Name, Named, declared_field
from views_sql.declaration.frozen_mapping import FrozenMapping

Verb = Literal["count", "sum", "avg", "min", "max", "distinct", "percentile"]
VERBS = {  # Of each verb, what a measure of it is, and an example.
    "count": ("Rows.", '"count"` or `{ count = true, where = "paid" }'),
    "sum": ("The sum of integers or numerics; 0 without any.", '{ sum = "total" }'),
    "avg": (
        "The average of the values that are not NULL, kept as their sum and count.",
        '{ avg = "total", decimals = 2 }',
    ),
    "min": ("The least value.", '{ min = "total" }'),
    "max": ("The greatest value.", '{ max = "total" }'),
    "distinct": ("How many different values occur, exact over any range of days.", '{ distinct = "email" }'),
    "percentile": (
        "The value below which a share of the rows lies (`percentile_disc`); always live.",
        '{ percentile = "total", at = 0.95, live = true }',
    ),
}


def _as_tables(given: object) -> object:
    """Return the entries of ``sources`` as tables; a text is short for a table of that name."""
    if not isinstance(given, list):
        return given
    return tuple({"table": entry} if isinstance(entry, str) else entry for entry in given)


class UserZone(Declared):
    """``[user].zone``: one zone for all, or each user's own.

    :param column: None: all users are in the zone ``default``.
    """

    given = frozenset()

    column: Line | None = declared_field(
        None, "The column of the table of users with the full name of each user's own time zone.", '"timezone"'
    )
    default: Line = declared_field("UTC", "The zone of users without one, and of those whose zone is unknown.", '"UTC"')
    unknown: Literal["refused", "default"] = declared_field(
        "refused",
        "`default`: any number of users may have a zone that no zone is called, and count in the default one; left "
        "out: at most one in a hundred.",
        '"default"',
    )


def _zone(given: object) -> object:
    """Return the zone of all users for its name."""
    if isinstance(given, str):
        return UserZone(default=given)
    if isinstance(given, (UserZone, dict)):
        return given
    raise ValueError('expected the name of a zone, or { column = "timezone", default = "UTC" }')


class UserTable(Declared):
    """``[user]``: whose dashboards."""

    given = frozenset({"file"})

    table: Line | None = declared_field(
        None,
        "The table of users: schema and table as the catalog spells them. Without it every key that occurs is a user.",
        '"public.customers"',
    )
    key: Line | None = declared_field(
        None, "The column of that table that holds the key; left out: its primary key, if that is one column.", '"id"'
    )
    name: Expression | None = declared_field(
        None, "How a user is called: a column or SQL over one row.", '"display_name"'
    )
    zone: Annotated[UserZone, BeforeValidator(_zone)] = declared_field(
        UserZone(),
        "The time zone whose days are counted: the name of one, or the column with each user's own.",
        '{ column = "timezone", default = "UTC" }',
    )
    claim: Annotated[str, AfterValidator(words.claim)] = declared_field(
        "sub", "The claim of a token that holds the key; dots lead into a claim that is an object.", '"account.id"'
    )
    facts: Named[Expression] = declared_field(
        FrozenMapping({}),
        "What dashboards may show of the user: a column or SQL over the user's row, by name.",
        '{ plan = "plan" }',
    )
    file: str = Field(default=FIRST_FILE, exclude=True)


class Measure(Declared):
    """One measure of a view: one verb with its argument, over the rows for which ``where`` is true.

    :param argument: None for ``count``.
    """

    given = frozenset({"verb", "argument"})

    verb: Verb
    argument: Expression | None = None
    where: Expression | None = declared_field(
        None, "Only rows for which this is true are measured.", "\"status = 'refunded'\""
    )
    at: float | None = declared_field(
        None, "Of `percentile`: which share of the rows lies below.", "0.95", gt=0, lt=1, allow_inf_nan=False
    )
    decimals: int | None = declared_field(None, "Of `avg`: its decimal places; left out: 2.", "1", ge=0, le=12)
    unit: Annotated[str, AfterValidator(words.unit)] | None = declared_field(
        None, "What a figure counts, for pages and clients.", '"currency:EUR"'
    )
    label: Line | None = declared_field(None, "How pages call the measure.", '"Revenue"')
    better: Literal["more", "less"] | None = declared_field(None, "Which direction of a change is good.", '"less"')
    hidden: bool = declared_field(False, "Kept, and shown in no answer.", "true")
    live: bool = declared_field(
        False, "Never stored: computed from the rows of the range, in the same snapshot as the rest.", "true"
    )


class SourceTable(Declared):
    """An entry of ``sources``: a table that a view's ``select`` reads beside ``table``."""

    given = frozenset()

    table: Line = declared_field(..., "The table, as the catalog spells it, unquoted.", '"public.Item"')
    user: Line | None = declared_field(
        None,
        "The column that holds the user's key; left out: the column that is called as the view's, else the only "
        "foreign key to the table of users.",
        '"buyerId"',
    )
    time: Line | None = declared_field(
        None,
        "The column of the only day whose rows a row of this table changes. Left out: a change of a row concerns all "
        "days of its user, which is right wherever the row counts.",
        '"soldAt"',
    )
    stored_zone: Line = declared_field(
        "UTC", "The time zone that a timestamp without time zone is in.", '"Europe/Berlin"'
    )


class View(Declared):
    """``[view.NAME]``: rows of one table, counted by user, day and dimensions.

    :param select_text: what the file ``select`` holds.
    """

    given = frozenset({"name", "select_text", "file"})

    name: Name
    table: Line = declared_field(
        ..., "The table whose rows are measured, as the catalog spells it, unquoted.", '"public.Order"'
    )
    user: Line | None = declared_field(
        None,
        "The column that holds the user's key; left out: the only foreign key to the table of users.",
        '"customerId"',
    )
    time: Line | None = declared_field(
        None,
        "The column of a row's time: a date, timestamp or timestamptz. Left out: the view has no days, but one row a "
        "user and dimensions.",
        '"createdAt"',
    )
    stored_zone: Line = declared_field(
        "UTC", "The time zone that a timestamp without time zone is in.", '"Europe/Berlin"'
    )
    zone: Line | None = declared_field(None, "Days of another time zone than that of `[user]`.", '"Asia/Tokyo"')
    where: Expression | None = declared_field(
        None, "Only rows for which this is true are in the view.", "\"status <> 'draft'\""
    )
    dimensions: Named[Expression] = declared_field(
        FrozenMapping({}),
        "By what the rows are grouped: a column or SQL over one row, by name.",
        '{ product = "productId" }',
    )
    measures: Named[Measure] = declared_field(..., "What is counted, by name; see below.", '{ orders = "count" }')
    region: Name = declared_field("default", "The cache region that keeps the answers.", '"dashboard"')
    ttl_seconds: Annotated[int, BeforeValidator(words.duration)] = declared_field(
        600, "How long an answer may be kept.", '"10m"', validation_alias="ttl", ge=1, le=7 * 86_400
    )
    longest_days: int = declared_field(
        400, "The longest range of days that a request may ask for.", "800", ge=1, le=4000
    )
    trust: Lines = declared_field(
        (),
        "Functions outside of pg_catalog that the expressions may use, each with the types of its arguments; they "
        "belong to the role that migrates or to a superuser.",
        '["app.norm(text)"]',
    )
    select: Annotated[str, AfterValidator(words.script)] | None = declared_field(
        None,
        "A file with one SELECT whose rows take the place of the table's; see below.",
        '"sql/open_orders_v01.sql"',
    )
    sources: Annotated[tuple[SourceTable, ...], BeforeValidator(_as_tables)] = declared_field(
        (), "Of `select`: the tables that it reads beside `table`; see below.", '["public.Item"]'
    )
    locality: Literal["asserted"] | None = declared_field(
        None,
        "Of `select`: the author answers for it that a row depends on nothing but rows of its user and, in tables "
        "with a time, of its day.",
        '"asserted"',
    )
    select_text: str | None = None
    file: str = Field(default=FIRST_FILE, exclude=True)


class Region(Declared):
    """``[region.NAME]``: a part of the front cache with limits of its own."""

    name: Name
    max_entries: int = declared_field(500, "The most answers that it keeps.", "1000", ge=1, le=10**7)
    max_bytes: Annotated[int, BeforeValidator(words.size)] = declared_field(
        50 * 10**6, "The most memory that its answers occupy in one process.", '"50 MB"', ge=1000, le=10**12
    )
    file: str = Field(default=FIRST_FILE, exclude=True)


class Application(Declared):
    """Everything that a project declares, from all of its files."""

    user: UserTable
    views: tuple[View, ...]
    regions: tuple[Region, ...]
    dimensions: tuple[LabelledDimension, ...] = ()
    metrics: tuple[Metric, ...] = ()
    lists: tuple[Listing, ...] = ()
    dashboards: tuple[Dashboard, ...] = ()
