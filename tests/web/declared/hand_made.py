"""A declared application with a panel of each kind, as values: for tests of what is said and asked of it."""

from dataclasses import replace

from views_sql.declaration.served import (
    ServedApplication,
    ServedColumn,
    ServedDashboard,
    ServedDimension,
    ServedList,
    ServedMeasure,
    ServedPanel,
)

BRANCH = ServedDimension("branch", "text", True)
DESK = ServedDimension("desk", "integer", False)
LOANS = ServedMeasure("loans", "count", "bigint", label="Loans", better="more")
FEES = ServedMeasure("fees", "sum", "numeric", unit="currency:EUR")
EACH = ServedMeasure("fee_a_loan", "metric", "numeric", 4, unit="currency:EUR", live=True)
FURTHEST = ServedMeasure("furthest", "max", "integer", live=True)
DAYS = ("from", "to")
OF_GROUPS = (*DAYS, "order", "limit", "branch")
BRANCHES = ServedPanel(
    "branches",
    "groups",
    OF_GROUPS,
    measures=(LOANS, FEES),
    dimensions=(BRANCH,),
    columns=(ServedColumn("branch_city", "character varying(80)", True),),
    sparkline=LOANS,
)
DESKS = ServedPanel("desks", "groups", OF_GROUPS, measures=(FURTHEST, LOANS), dimensions=(DESK,), order="desk", limit=5)
HOME = ServedDashboard(
    "home",
    3,
    "Europe/Berlin",
    400,
    "desk",
    600,
    (BRANCH,),
    (
        ServedPanel("account", "facts", (), columns=(ServedColumn("plan", "shop.plan", True),)),
        ServedPanel(
            "glance", "compare", (*DAYS, "branch"), "At a glance", (LOANS, EACH), compared_with="previous_year"
        ),
        ServedPanel("sums", "periods", ("branch",), measures=(LOANS,), periods=("today", "all_time")),
        ServedPanel("daily", "series", (*DAYS, "granularity", "branch"), measures=(LOANS, FEES), totals=True),
        BRANCHES,
        DESKS,
        ServedPanel("latest", "list", ("branch",), columns=(ServedColumn("loan", "bigint", False),), limit=10),
    ),
    ("loans_1", "latest_3_list"),
    "Home",
    "existence_3_of_user",
)
PLAIN = replace(HOME, name="analytics", filters=(), panels=(HOME.panels[0],), label=None)  # Heeds nothing.
LATEST = ServedList(
    "latest",
    3,
    None,
    10,
    "shelf",
    300,
    (BRANCH, DESK),
    (ServedColumn("loan", "bigint", False), ServedColumn("at", "timestamp(3) with time zone", False)),
    ("latest_3_list", "branch_3_label"),
    "Latest loans",
    "existence_3_of_user",
)
APPLICATION = ServedApplication("0123456789abcdef", "integer", "UTC", (), dashboards=(HOME, PLAIN), lists=(LATEST,))
