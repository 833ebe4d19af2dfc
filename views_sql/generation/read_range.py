"""The parts of a grouped read that are about days: its parameters, checks, periods; a view without time has none.

A day of the earlier range counts in the period of the day that it is compared with: the one that is as many days later
as the range is long, or that is a year later. The earlier range of a range [a, b) is [a − 1 year, b − 1 year), so
ranges that follow each other are compared with ranges that follow each other.
"""

from dataclasses import dataclass, replace

from views_sql.declaration.proven import ProvenApplication, ProvenView
from views_sql.declaration.served import DEFAULT_DAYS
from views_sql.generation.names import literal
from views_sql.generation.row_view import own_zone_of, users_view, zone_of

ASKED_DAYS = """last_day date := COALESCE(p_to, (now() AT TIME ZONE zone)::date);
    first_day date := COALESCE(p_from, last_day - {default_days} + 1);"""
STEP = "step interval;"
_VARIABLES = f"""{{zone}}
    {ASKED_DAYS}
    unit text;
    {STEP}
    earlier_first date;
    earlier_last date;"""
RANGE_CHECK = """IF first_day > last_day THEN
        RAISE EXCEPTION '"from" (%) is after "to" (%)', first_day, last_day
            USING ERRCODE = 'FV002', COLUMN = 'from';
    ELSIF last_day - first_day >= {longest_days} THEN
        RAISE EXCEPTION 'the range % to % holds % days; at most {longest_days} are allowed',
            first_day, last_day, last_day - first_day + 1 USING ERRCODE = 'FV002', COLUMN = 'from';
    END IF;"""
_STEPS = """step := CASE p_granularity
        WHEN 'day' THEN '1 day' WHEN 'week' THEN '7 days' WHEN 'month' THEN '1 month' WHEN 'quarter' THEN '3 months'
        WHEN 'year' THEN '1 year'{more}
    END;"""
STEP_CHECK = """IF step IS NULL THEN
        RAISE EXCEPTION 'there is no granularity "%"', p_granularity USING ERRCODE = 'FV002', COLUMN = 'granularity';
    END IF;"""
DEFAULT_STEP = f"""p_granularity := COALESCE(p_granularity, 'day');
    {_STEPS.format(more="")}"""
# The first and last day of the earlier range, by how it is compared.
EARLIER = {
    "previous_period": ("first_day - (last_day - first_day + 1)", "first_day - 1"),
    "previous_year": (
        "(first_day - '1 year'::interval)::date",
        "GREATEST((last_day + 1 - '1 year'::interval)::date - 1, (first_day - '1 year'::interval)::date)",
    ),
}
_CHECKS = f"""p_granularity := COALESCE(p_granularity, 'day');
    unit := NULLIF(p_granularity, 'total');
    {_STEPS.format(more=" WHEN 'total' THEN '10000 years'")}
    {RANGE_CHECK}
    {STEP_CHECK}
    IF p_compare NOT IN ('previous_period', 'previous_year') THEN
        RAISE EXCEPTION 'nothing is called "%"', p_compare USING ERRCODE = 'FV002', COLUMN = 'compare';
    END IF;
    IF p_compare = 'previous_period' THEN
        earlier_first := {EARLIER["previous_period"][0]};
        earlier_last := {EARLIER["previous_period"][1]};
    ELSIF p_compare = 'previous_year' THEN
        earlier_first := {EARLIER["previous_year"][0]};
        earlier_last := {EARLIER["previous_year"][1]};
    END IF;"""
_STARTS = (
    "generate_series(COALESCE(date_trunc(unit, first_day::timestamp), first_day::timestamp), last_day::timestamp, step)"
)
_LATER = (
    "LEAST(GREATEST(CASE p_compare WHEN 'previous_year' THEN ({day} + '1 year'::interval)::date"
    " ELSE {day} + (first_day - earlier_first) END, first_day), last_day)"
)
_HEAD = (
    """'"from":' || to_json(first_day)::text || ',"to":' || to_json(last_day)::text"""
    """ || ',"granularity":' || to_json(p_granularity)::text || ','"""
)


@dataclass(frozen=True, slots=True)
class ReadRange:
    """What the template leaves open about days.

    :param names: placeholders of the template.
    :param sides: of the range and of the earlier range: its first and last day, and the period of a row ``v``.
    :param starts: a FROM item of the first instants of all periods, called ``t.start``.
    """

    names: dict[str, str]
    sides: tuple[tuple[str, str, str], ...]
    starts: str

    @property
    def compared(self) -> bool:
        """Whether there is an earlier range."""
        return len(self.sides) > 1


def read_range(application: ProvenApplication, view: ProvenView, number: int) -> ReadRange:
    """Return the parts about days of the function that reads a view."""
    if view.source.time_kind is None:
        until = {"valid_until": f"frontview.end_of_day(now(), {read_zone(application, view, number)})"}
        return replace(_WITHOUT_DAYS, names=_WITHOUT_DAYS.names | until)
    names = {
        "range_parameters": "p_from date, p_to date, p_granularity text, ",
        "compare_parameter": "p_compare text, ",
        "range_variables": _VARIABLES.format(
            zone=zone_variables(application, view, number), default_days=min(DEFAULT_DAYS, int(view.longest_days))
        ),
        "range_checks": _CHECKS.format(longest_days=int(view.longest_days)),
        "days_read": "LEAST(first_day, earlier_first), last_day",
        "valid_until": "frontview.end_of_day(now(), zone)",
        "period_count": f"(SELECT count(*) FROM {_STARTS})",  # nosec B608  # names and literals are checked
        "period_number": "(f.period - first_day)",
        "head": _HEAD,
        "period_member": """CASE WHEN unit IS NOT NULL THEN '"period":' || to_json(f.period)::text END""",
        "period_of_start": "GREATEST(t.start::date, first_day)",
        "no_answer": "first_day, last_day, frontview.end_of_day(now(), zone)",
    }
    return ReadRange(
        names,
        (
            ("first_day", "last_day", _period("v.day")),
            ("earlier_first", "earlier_last", _period(_LATER.format(day="v.day"))),
        ),
        f"{_STARTS} t (start)",
    )


def read_zone(application: ProvenApplication, view: ProvenView | None, number: int) -> str:
    """Return the expression of the zone whose day it is: the view's, or else the user's own.

    :param view: None: of an answer without days.
    """
    if has_own_zone(application, view):
        return zone_of(number, "p_user", application.zone)
    return literal((view.source.zone if view else None) or application.zone)


def zone_variables(application: ProvenApplication, view: ProvenView | None, number: int) -> str:
    """Return the variable of that zone; of the user's own also ``own_zone``, which also says whether there is the user.

    So the user's row is read once.
    """
    if not has_own_zone(application, view):
        return f"zone CONSTANT text := {read_zone(application, view, number)};"
    return (
        f"own_zone CONSTANT text := {own_zone_of(number, 'p_user')};\n"
        f"    zone CONSTANT text := COALESCE(own_zone, {literal(application.zone)});"
    )


def has_own_zone(application: ProvenApplication, view: ProvenView | None) -> bool:
    """Return whether the day is that of the user's own zone."""
    fixed = view is not None and view.source.default_zone is None and view.source.zone is not None
    return application.zone_column is not None and not fixed


def no_user(application: ProvenApplication, number: int, days: str, *, own_zone: bool) -> str:
    """Return the statement that ends a read about a user who is not there.

    :param days: what the answer depends on, and until when.
    :param own_zone: whether there is this variable.
    """
    if application.users is None:
        return ""
    found = f"EXISTS (SELECT FROM {users_view(number)} u WHERE u.user_key = p_user)"  # nosec B608  # a number
    gone = "own_zone IS NULL" if own_zone else f"NOT {found}"
    return f"IF {gone} THEN\n        RETURN frontview.end_read(state, NULL, {days});\n    END IF;"


def _period(day: str) -> str:
    """Return the first day of a day's period; GREATEST passes over the NULL of no granularity."""
    return f"GREATEST(date_trunc(unit, {day}::timestamp)::date, first_day)"


_NO_PERIOD = "'2000-01-01'::date"
_WITHOUT_DAYS = ReadRange(
    {
        "range_parameters": "",
        "compare_parameter": "",
        "range_variables": "p_compare CONSTANT text := NULL;",
        "range_checks": "",
        "days_read": "'-infinity', 'infinity'",
        "period_count": "1",
        "period_number": "0",
        "head": "''",
        "period_member": "NULL",
        "period_of_start": "t.start",
        "no_answer": "NULL, NULL, NULL",
    },
    (("", "", _NO_PERIOD),),
    f"(SELECT {_NO_PERIOD}) t (start)",
)
