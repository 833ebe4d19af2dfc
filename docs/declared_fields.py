"""The body of docs/declaration.md: every table of ``frontview.toml`` with its fields, from the declared values."""

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from views_sql.declaration import words
from views_sql.declaration.agreement import MOST_MEASURES
from views_sql.declaration.application import VERBS, Measure, Region, SourceTable, UserTable, UserZone, View
from views_sql.declaration.dashboards import Dashboard, LabelledDimension, Listing, Metric, Panel
from views_sql.declaration.declared import Declared
from views_sql.declaration.panels import MOST_DIMENSIONS

PREFACE = """
An application is declared in one file, `frontview.toml`, in the folder that `FRONTVIEW_PROJECT` names or else in the
current directory; files `views/*.toml` beside it may hold further tables of the same kinds. `frontview check` reads
them and says every fault at once, with file and place; it changes nothing. [examples/shop](../examples/shop) is a whole
one. The least file is

```toml
[user]
table = "public.Customer"

[view.orders]
table = "public.Order"
time = "createdAt"
measures = { orders = "count" }
```

* **Names** of everything that is declared are lower case (a to z, 0 to 9, `_`, a letter first), at most 40
  characters, and none of the words that parameters and answers use:
RESERVED
* **Tables and columns** are spelled as PostgreSQL's catalog spells them, without quotes.
* **Column or SQL**: a text that is exactly the name of a column is that column; anything else is SQL over one row.
* A **duration** is a number with `s`, `m`, `h` or `d`; a **size** one with `B`, `kB`, `MB` or `GB`.
* A row whose user or time is NULL is in no answer; a view without `time` also counts rows that have none.
* A **text in a dimension** of more than 500 bytes (fewer where a view has more than two such dimensions, which share
  1,600 with one that is counted) is answered as its beginning, `...` and its SHA-256 in hexadecimal digits. Different
  texts stay different groups, and a filter takes the whole text or what an answer shows of it.
* A view has at most MOST_DIMENSIONS dimensions and MOST_MEASURES measures. It needs no region: `default` exists always.
* Names that would meet each other in the database are refused: `orders_2` beside `orders`, of whatever kind they are.

A user and time one table away (`via`) come with a later version; until then they are refused by name.
"""
_RESERVED = textwrap.fill(", ".join(f"`{word}`" for word in sorted(words.RESERVED)) + ".", 118)
for _name, _text in (
    ("RESERVED", textwrap.indent(_RESERVED, "  ")),
    ("MOST_DIMENSIONS", str(MOST_DIMENSIONS)),
    ("MOST_MEASURES", str(MOST_MEASURES)),
):
    PREFACE = PREFACE.replace(_name, _text)
LABELS = """Views and lists that call a dimension so are meant. The labelled values are read when an answer is made,
in the moment of its figures: a renamed product is called so in the next answer. Answers of groups have the columns as
`<dimension>_<column>`, in lower case (`product_ship_country` for `shipCountry`), and null where no row of the table has
the value or where that row is of another user. Where no column says whose a row is, a change of one concerns every
user, so all their answers are computed again: `frontview check` warns of it."""
METRICS = """A metric is computed when it is shown, from the sums behind it: a share of a month is that of the month,
not a mean of its days' shares."""
LISTS = """A list is of rows as they are, so it has no days: rows without a time show too. Rows that are equal in the
order's columns are ordered by the table's key, so that an answer is always the same; the table needs one.
`frontview check` names the index by which the first rows are found, if there is none."""
DASHBOARDS = """All panels are answered in one moment and kept as one answer.
Without any `[dashboard.NAME]` there is one called `home`, made of every view: its measures compared with the period
before and day by day, a table for each dimension, and every list. Views whose days are those of another zone than
`[user]`'s are not in it: what is one day in one zone is none in the other, so a dashboard has the days of one zone.

```toml
[dashboard.overview]
filters = ["product"]
[dashboard.overview.panels]
account = { kind = "facts", of = "user" }
glance = { kind = "compare", measures = ["orders.orders", "conversion"], with = "previous_period" }
sums = { kind = "periods", periods = ["today", "all_time"], measures = ["orders.revenue"], ignores = ["product"] }
daily = { kind = "series", measures = ["orders.orders", "orders.refunds"], totals = true }
products = { kind = "groups", by = ["product"], measures = ["orders.revenue"], sparkline = "orders.orders" }
latest = { kind = "list", list = "latest_orders", ignores = ["product"] }
```"""
PANELS = """A measure is called by its own name in the answer, and `<view>_<name>` where two of a panel would have the
same. A field that belongs to another kind is refused.

| kind | shows | its fields |
|---|---|---|
| `facts` | one row of columns: the user's, or a view's without days and dimensions | `of` |
| `compare` | a range of days and the one before it, or a year before, with the change | `measures`, `with` |
| `periods` | sums of fixed periods up to today, whatever range is asked for | `periods`, `measures` |
| `series` | a row a day, week, month, quarter or year; views meet on the day | `measures`, `totals` |
| `groups` | a row for each value of dimensions, ranked | `by`, `measures`, `sparkline`, `order`, `limit` |
| `list` | the rows of a list | `list` |"""
HEADINGS = (
    (UserTable, "[user]"),
    (UserZone, "Users' own time zones"),
    (View, "[view.NAME]"),
    (Measure, "Measures"),
    (SourceTable, "A SELECT of one's own"),
    (LabelledDimension, "[dimension.NAME]"),
    (Metric, "[metric.NAME]"),
    (Listing, "[list.NAME]"),
    (Dashboard, "[dashboard.NAME]"),
    (Panel, "Panels"),
    (Region, "[region.NAME]"),
)
TYPES: dict[Any, str] = {
    UserZone: "name or table",
    words.name: "name",
    words.line: "text",
    words.claim: "text",
    words.unit: "text",
    words.script: "path",
    words.expression: "column or SQL",
    words.duration: "duration",
    words.size: "size",
    words.order: "columns",
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
}
INSIDE = {"Measure": "measures", "Panel": "panels"}
AMOUNTS = ("duration", "size")
ZONES = """`[user].zone` is the name of a time zone, or a table with these fields. Days are then those of each user's
own zone, also of rows that were written while it was another: a change of the zone is a change of all days of the
user. Zones have the full names of PostgreSQL (`America/New_York`, in exact case), `UTC` and `GMT`, or the names that
Ruby on Rails stores (`Eastern Time (US & Canada)`). A view with a `zone` of its own has the days of that one, and a
date is no zone's. Days of users' own zones are sealed in the zones that users have then."""
MEASURES = """A measure is a table with one verb and its argument, a column or SQL over one row, and any of the fields
below; the text `"count"` is short for `{ count = true }`."""
SELECTS = """Where rows of one table do not say enough, `select` names a file with one SELECT whose rows take their
place: all expressions of the view are then over its columns.

```toml
[view.items]
table = "public.Order"
time = "createdAt"
select = "sql/items_v01.sql"
sources = [{ table = "public.Item", user = "buyerId" }, { table = "public.Customer", user = "id" }]
locality = "asserted"
measures = { items = "count", pieces = { sum = "quantity" } }
```
```sql
SELECT o."customerId", o."createdAt", i.quantity
FROM public."Order" o
JOIN public."Item" i ON i."orderId" = o.id
JOIN public."Customer" c ON c.id = o."customerId" AND NOT c.paused
```

* PostgreSQL proves what it can: it is one SELECT; it gives the columns of `user` and `time` under the names and in the
  types that `table` has them; it reads `table` and every one of `sources` and no other relation, by its own immutable
  functions or those in `trust`; it has no LIMIT, and no literal that depends on the session; and every key that is
  stored is proven as for other views. Its rows must be the same however it is run: no window without an order, no sum
  of floats. What runs is PostgreSQL's own text of it, frozen by `frontview plan --write`; a change of the file is a
  change of the declaration, so it gets the next number in its name.
* What PostgreSQL cannot prove is the author's word, `locality = "asserted"`: that a row of some user depends on nothing
  but rows of this user. A row's day is that of `table`'s time, and of `table` only rows of that day decide it. A change
  of a row of a source **without** `time` makes all days of its user stale, which is right whichever of them it counts
  in. A source **with** `time` makes only that day stale: declare it where each of its rows counts in the day of its own
  time and in no other one. `frontview check` lists what rests on such a word, and the audit compares answers with base
  rows as for other views.
* A live read takes one user's days, by the index that `check` asks for on `table`, and joins as the SELECT says: its
  joins need indexes of their own (here on `"orderId"`).

An entry of `sources` is the name of a table, or a table with these fields."""

TEXTS: dict[type[Declared], str] = {
    Measure: MEASURES,
    SourceTable: SELECTS,
    UserZone: ZONES,
    LabelledDimension: LABELS,
    Metric: METRICS,
    Listing: LISTS,
    Dashboard: DASHBOARDS,
    Panel: PANELS,
}


def lines() -> Iterator[str]:
    """Return the lines of all tables."""
    for model, heading in HEADINGS:
        yield f"## {heading}"
        yield TEXTS.get(model) or f"{_first_sentence(model)}."
        yield ""
        if model is Measure:
            yield from ("| verb | measure | example |", "|---|---|---|")
            yield from (f"| `{verb}` | {meaning} | `{example}` |" for verb, (meaning, example) in VERBS.items())
            yield ""
        yield from ("| field | type | default | meaning | example |", "|---|---|---|---|---|")
        for spelling, name in model.fields_in_file().items():
            yield _row(spelling, model.model_fields[name])
        yield ""


def _first_sentence(model: type[Declared]) -> str:
    sentence = (inspect.getdoc(model) or "").partition("``: ")[2].partition(".")[0]
    return sentence[:1].upper() + sentence[1:]


def _row(spelling: str, field: FieldInfo) -> str:
    kind, (example,) = _type(field), field.examples or [""]
    shown = f"{spelling} = {example}"
    return f"| `{spelling}` | {kind} | {_default(field, kind)} | {field.description} | `{shown}` |"


def _type(field: FieldInfo) -> str:
    if values := [value for it in _parts(field.annotation) for value in get_args(it) if isinstance(value, str)]:
        return ", ".join(f'`"{value}"`' for value in dict.fromkeys(values))
    found = [it for metadata in field.metadata for it in _parts(metadata)] + list(_parts(field.annotation))
    if "SourceTable" in str(field.annotation):
        return "list of tables"
    kinds = [TYPES[getattr(it, "func", it)] for it in found if getattr(it, "func", it) in TYPES]
    if "Mapping" in str(field.annotation):
        of = next((name for kind, name in INSIDE.items() if kind in str(field.annotation)), TYPES[words.expression])
        return f"table of {of}"
    return f"list of {kinds[0]}s" if "tuple" in str(field.annotation) else kinds[0]


def _parts(annotation: Any) -> Iterator[Any]:
    """Return everything that an annotation is made of."""
    yield annotation
    for part in (*get_args(annotation), *getattr(annotation, "__metadata__", ())):
        yield from _parts(part)


def _default(field: FieldInfo, kind: str) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or not isinstance(value, str | int):
        return "–"
    spelled = {"duration": f'"{int(value) // 60}m"', "size": f'"{int(value) // 10**6} MB"'} if kind in AMOUNTS else {}
    plain = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return f"`{spelled.get(kind, plain)}`"
