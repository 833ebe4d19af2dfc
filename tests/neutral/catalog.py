"""The catalog of the neutral application as every process reads it once the declaration is installed.

Invariant: it is what the database says (``tests/neutral/test_catalog.py``); tests that need no database name it, too.
"""

from pathlib import Path

from views_sql.declaration.maintained_view import Catalog, MaintainedView, Region, Source
from views_sql.declaration.project import read_project
from views_sql.declaration.questions import questions
from views_sql.declaration.resolved import fingerprint
from views_sql.declaration.served import (
    ServedApplication,
    ServedColumn,
    ServedDashboard,
    ServedDimension,
    ServedList,
    ServedMeasure,
    ServedPanel,
    ServedView,
)

MEGABYTE = 1_000_000
EXISTENCE = "existence_1_of_user"
DESK = ServedDimension("desk", "integer", True)
RENEWAL = ServedMeasure("renewals", "count", "bigint")
BOOK = ServedMeasure("books", "distinct", "bigint")
FURTHEST = ServedMeasure("furthest", "max", "integer", live=True)
RATE = ServedMeasure("rate", "metric", "numeric", 3)
RENEWED = (
    ServedColumn("renewal", "bigint", True),
    ServedColumn("loan", "bigint", True),
    ServedColumn("desk", "text", True),
)
DAYS = ("from", "to")
COUNTER = ServedDashboard(
    "counter",
    1,
    "America/New_York",
    400,
    "desk",
    600,
    (DESK,),
    (
        ServedPanel("member", "facts", (), columns=(ServedColumn("points", "bigint", True),)),
        ServedPanel("recent", "compare", (*DAYS, "desk"), None, (RENEWAL, RATE), compared_with="previous_period"),
        ServedPanel("sums", "periods", ("desk",), None, (RENEWAL, BOOK), periods=("today", "last_7_days", "all_time")),
        ServedPanel("daily", "series", (*DAYS, "granularity", "desk"), None, (RENEWAL, BOOK), totals=True),
        ServedPanel(
            "desks",
            "groups",
            (*DAYS, "order", "limit", "desk"),
            None,
            (RENEWAL, FURTHEST),
            (DESK,),
            (ServedColumn("desk_title", "text", True),),
            sparkline=RENEWAL,
        ),
        ServedPanel("renewed", "list", ("desk",), columns=RENEWED, limit=5),
    ),
    ("facts_1_of_user", "renewals_1", "desk_1_label", "renewed_1_list"),
    users_source=EXISTENCE,
)
NEWEST = ServedList(
    "renewed", 1, "UTC", 5, "desk", 600, (DESK,), RENEWED, ("renewed_1_list", "desk_1_label"), users_source=EXISTENCE
)
SERVED = ServedApplication(
    fingerprint(read_project(Path(__file__).parent)),
    "integer",
    "UTC",
    (
        ServedView(
            "loans",
            1,
            True,
            "UTC",
            4000,
            "shelf",
            600,
            ("loans_1",),
            (ServedDimension("branch", "text", True),),
            (
                ServedMeasure("loans", "count", "bigint"),
                ServedMeasure("fees", "sum", "numeric"),
                ServedMeasure("free", "count", "bigint"),
            ),
            EXISTENCE,
        ),
        ServedView(
            "renewals",
            1,
            True,
            "America/New_York",
            400,
            "desk",
            900,
            ("renewals_1",),
            (DESK,),
            (RENEWAL, BOOK, FURTHEST),
            EXISTENCE,
        ),
        ServedView(
            "account",
            1,
            False,
            "UTC",
            400,
            "shelf",
            600,
            ("account_1",),
            (),
            (ServedMeasure("points", "sum", "numeric"),),
            EXISTENCE,
        ),
    ),
    dashboards=(COUNTER,),
    lists=(NEWEST,),
    number=1,
)
LOANS = MaintainedView(
    "loans_1", 1, ("loans_1",), ("user_key", "day", "d_branch", "n_branch"), ("m_loans", "m_fees", "m_free")
)
RENEWALS = MaintainedView("renewals_1", 1, ("renewals_1",), ("user_key", "day", "d_desk", "n_desk"), ("m_renewals",))
BOOKS = MaintainedView("renewals_1_books_values", 1, ("renewals_1",), (*RENEWALS.unique_key, "value"), ("row_count",))
ACCOUNT = MaintainedView("account_1", 1, ("account_1",), ("user_key",), day_column=None)
CATALOG = Catalog(
    (
        Source(EXISTENCE, '"public"."member"', "id"),
        Source("loans_1", '"public"."loan"', "member_id", "day"),
        Source("renewals_1", '"public"."renewal"', "member_id", "renewed_at"),
        Source("account_1", '"public"."member"', "id"),
        Source("desk_1_label", '"public"."desk"', None),
        Source("facts_1_of_user", '"public"."member"', "id"),
        Source("renewed_1_list", '"public"."renewal"', "member_id"),
    ),
    (LOANS, RENEWALS, BOOKS, ACCOUNT),
    (
        Region("default", 500, 50 * MEGABYTE),
        Region("desk", 200, 20 * MEGABYTE),
        Region("shelf", 500, 50 * MEGABYTE),
    ),
    questions(SERVED),
    served=SERVED,
)
