"""The catalog of the neutral application as every process reads it once the declaration is installed.

Invariant: it is what the database says (``tests/neutral/test_catalog.py``); tests that need no database name it, too.
"""

from pathlib import Path

from views_sql.declaration.maintained_view import Catalog, MaintainedView, Region, Source
from views_sql.declaration.project import read_project
from views_sql.declaration.questions import questions
from views_sql.declaration.resolved import fingerprint
from views_sql.declaration.served import ServedApplication, ServedDimension, ServedMeasure, ServedView

MEGABYTE = 1_000_000
EXISTENCE = "existence_1_of_user"
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
            (ServedDimension("desk", "integer", True),),
            (
                ServedMeasure("renewals", "count", "bigint"),
                ServedMeasure("books", "distinct", "bigint"),
                ServedMeasure("furthest", "max", "integer", live=True),
            ),
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
