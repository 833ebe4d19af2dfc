"""What dashboards show and are made of: labels of dimensions, metrics, lists, and panels.

Invariant: a value that exists is well formed; what its parts say about views and about each other is for
:mod:`views_sql.declaration.panels` to judge.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from views_sql.declaration import words
from views_sql.declaration.declared import FIRST_FILE, Declared, Expression, Line, Lines, Name, Named, declared_field
from views_sql.declaration.proven import PanelKind, Period

Periods = Annotated[
    tuple[Period, ...], BeforeValidator(lambda given: tuple(given) if isinstance(given, list) else given)
]
Duration = Annotated[int, BeforeValidator(words.duration)]
Unit = Annotated[str, AfterValidator(words.unit)]


class LabelledDimension(Declared):
    """``[dimension.NAME]``: what answers show beside the values of a dimension, read from another table by its key."""

    name: Name
    label: Lines = declared_field(
        ...,
        "Columns of one table, each with its schema and table, as the catalog spells them; answers call them after the "
        "dimension and the column.",
        '["public.Product.name"]',
    )
    key: Line | None = declared_field(
        None,
        "The column of that table that holds the dimension's values; left out: its primary key, if that is one column.",
        '"id"',
    )
    user: Line | None = declared_field(
        None,
        "The column with the key of the user whose rows they are; left out: the only foreign key to the table of "
        "users. Then a user sees no label of another user's row. Without one a change concerns every user.",
        '"ownerId"',
    )
    shared: bool = declared_field(
        False,
        "Every user sees every row's label, also of rows that are another user's; a change concerns every user.",
        "true",
    )
    all: bool = declared_field(
        False, "Groups by this dimension alone have also those rows of the user for which nothing was counted.", "true"
    )
    file: str = Field(default=FIRST_FILE, exclude=True)


class Metric(Declared):
    """``[metric.NAME]``: a figure that is computed from measures of any views when it is shown."""

    name: Name
    formula: Line = declared_field(
        ...,
        "Measures as `view.measure`, numbers, `+`, `-`, `*`, `/` and parentheses. It is null where a divisor is 0 or a "
        "measure is null.",
        '"orders.orders / visits.visits"',
    )
    unit: Unit | None = declared_field(None, "What the figure counts, for pages and clients.", '"percent"')
    decimals: int = declared_field(4, "Its decimal places.", "2", ge=0, le=12)
    label: Line | None = declared_field(None, "How pages call the metric.", '"Conversion"')
    better: Literal["more", "less"] | None = declared_field(None, "Which direction of a change is good.", '"more"')
    file: str = Field(default=FIRST_FILE, exclude=True)


class Listing(Declared):
    """``[list.NAME]``: the newest, largest or next rows of one table, those without a time too."""

    name: Name
    table: Line = declared_field(
        ..., "The table whose rows are listed, as the catalog spells it, unquoted.", '"public.Order"'
    )
    user: Line | None = declared_field(
        None,
        "The column that holds the user's key; left out: the only foreign key to the table of users.",
        '"customerId"',
    )
    where: Expression | None = declared_field(
        None, "Only rows for which this is true are in the list.", "\"status <> 'draft'\""
    )
    columns: Named[Expression] = declared_field(
        ...,
        "What is shown of each row, by name: a column, SQL over the row, or `dimension.column` for what "
        "`[dimension.NAME]` shows of one of the list's dimensions.",
        '{ at = "createdAt", product = "product.name" }',
    )
    dimensions: Named[Expression] | None = declared_field(
        None,
        "By what a request may filter, by name; left out: the dimensions of the views over the same table.",
        '{ product = "productId" }',
    )
    order: Annotated[str, AfterValidator(words.order)] = declared_field(
        ...,
        "Columns of the table, each with `asc` or `desc`; rows that are equal in them are ordered by the table's key.",
        '"createdAt desc"',
    )
    limit: int = declared_field(
        10, "How many rows an answer has where the request does not say; at most 1,000.", "20", ge=1, le=1000
    )
    label: Line | None = declared_field(None, "How pages call the list.", '"Latest orders"')
    region: Name = declared_field("default", "The cache region that keeps the answers.", '"dashboard"')
    ttl_seconds: Duration = declared_field(
        600, "How long an answer may be kept.", '"10m"', validation_alias="ttl", ge=1, le=7 * 86_400
    )
    trust: Lines = declared_field(
        (), "Functions outside of pg_catalog that the expressions may use, as in a view.", '["app.norm(text)"]'
    )
    file: str = Field(default=FIRST_FILE, exclude=True)


class Panel(Declared):
    """A panel of a dashboard: ``kind`` says which of the other fields it has."""

    given = frozenset()

    kind: PanelKind = declared_field(..., "What it shows; see above.", '"series"')
    of: Name | None = declared_field(
        None, "Of `facts`: `user` for `[user].facts`, or a view without time and dimensions.", '"user"'
    )
    measures: Lines = declared_field((), "Measures as `view.measure`, and metrics.", '["orders.orders", "conversion"]')
    compared_with: Literal["previous_period", "previous_year"] | None = declared_field(
        None, "Of `compare`: with what.", '"previous_period"', validation_alias="with"
    )
    periods: Periods = declared_field(
        (),
        "Of `periods`: each ends today, but for `yesterday`; weeks begin on Monday, and `all_time` has every day.",
        '["today", "last_7_days"]',
    )
    totals: bool = declared_field(False, "Of `series`: whether totals of the range are shown too.", "true")
    by: Lines = declared_field((), "Of `groups`: dimensions that all views of its measures have.", '["product"]')
    sparkline: Line | None = declared_field(
        None, "Of `groups`: a measure or metric of which each group has a value for every day.", '"orders.orders"'
    )
    order: Line | None = declared_field(
        None,
        "Of `groups`: a measure as the answer names it, or a dimension, with `-` first to descend; left out: the first "
        "measure, descending.",
        '"-revenue"',
    )
    limit: int | None = declared_field(
        None, "Of `groups`: how many there are at most where the request does not say; left out: 100.", "20",
        ge=1, le=1000,
    )  # fmt: skip
    listed: Name | None = declared_field(None, "Of `list`: its name.", '"latest_orders"', validation_alias="list")
    ignores: Lines = declared_field((), "Filters of the dashboard that change nothing in this panel.", '["product"]')
    label: Line | None = declared_field(None, "How pages call the panel.", '"Latest orders"')


class Dashboard(Declared):
    """``[dashboard.NAME]``: panels that are answered together, from one moment."""

    name: Name
    panels: Named[Panel] = declared_field(
        ..., "What it shows, by name; see below.", '{ daily = { kind = "series", measures = ["orders.orders"] } }'
    )
    filters: Lines = declared_field(
        (),
        "Dimensions by which a request may filter: every panel has them or ignores them, but for facts.",
        '["product"]',
    )
    label: Line | None = declared_field(None, "How pages call the dashboard.", '"Overview"')
    longest_days: int = declared_field(
        400, "The longest range of days that a request may ask for.", "800", ge=1, le=4000
    )
    region: Name = declared_field("default", "The cache region that keeps the answers.", '"dashboard"')
    ttl_seconds: Duration = declared_field(
        600, "How long an answer may be kept.", '"10m"', validation_alias="ttl", ge=1, le=7 * 86_400
    )
    file: str = Field(default=FIRST_FILE, exclude=True)
