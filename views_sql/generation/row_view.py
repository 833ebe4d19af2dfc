"""The row view of a declared view, and how its rows are found by an index that has the time in it.

Invariant: only the row view names columns of the application's tables. The bounds on the time are wider than the days
asked for, and the condition on the day is exact. Where days are those of users' own zones, rows have their days by a
join with the users, and those of one user by that user's zone: joined, it would be looked up again for each row.

Where such days are sealed, rows are of an unsealed day if they were in the zone that their user had then; a day that
has become an earlier one is the first unsealed one. So whatever zones users change to, no row counts twice or never.
"""

from views_sql.declaration.day_of_time import day_of_time
from views_sql.declaration.proven import FIRST_DAY, LAST_DAY, ProvenView
from views_sql.generation.names import dollar_quoted, identifier, literal
from views_sql.generation.stored_columns import frozen_zeros, view_name

FIRST, LAST = f"'{FIRST_DAY}'::date", f"'{LAST_DAY}'::date"
# The first instants of a day may lie before its midnight: in Havana and the Azores an autumn day begins an hour early.
MARGIN = "'3 hours'::interval"
# Where each user has a zone: no zone is as much as a day away from UTC. And a stored zone that jumps moves the bound,
# too: Samoa left out a whole day, whose times are those of the next one.
DAY_MARGIN = "'30 hours'::interval"


def users_view(number: int) -> str:
    """Return the name of the view of the declared users, with their zones if they have any."""
    return f"frontview.user_{number}"


def row_view(view: ProvenView, number: int) -> str:
    """Return the name of the row view."""
    return f"frontview.{view_name(view, number)}_row"


def _undated(view: ProvenView, number: int) -> str:
    """Return the name of the view of its rows before they have the days of their users' zones."""
    return f"frontview.{view_name(view, number)}_undated"


def create_row_view(view: ProvenView, number: int) -> list[str]:
    """Return the DDL of the row view, with a constant for the NULL of each enum.

    The constant is the label that is first now, kept by its number: another may come before it, or rename it.
    """
    create, select = f"CREATE VIEW {row_view(view, number)} AS\n", view.row_select.strip().rstrip(";")
    if view.source.default_zone is not None:
        day = _day_in(view, f"COALESCE(u.zone, {literal(view.source.default_zone)})")
        joined = _dated(view, day, f"{_undated(view, number)} r")
        users = f"LEFT JOIN {users_view(number)} u ON u.user_key = r.user_key"
        undated = f"CREATE VIEW {_undated(view, number)} AS\n"
        return [*_with_zeros(view, undated, select), f"{create}{joined} {users}"]
    return _with_zeros(view, create, select)


def _with_zeros(view: ProvenView, create: str, select: str) -> list[str]:
    """Return the DDL of a view of rows, with the constants of :func:`create_row_view`."""
    zeros = frozen_zeros(view)
    if not zeros:
        return [create + select]
    constants = " || ".join(
        f"', ' || quote_literal(enum_first(NULL::{kind})) || {literal(f'::{kind} AS {identifier(zero)}')}"
        for zero, kind in zeros.items()
    )
    parts = f"{literal(f'{create}SELECT r.*')} || {constants} || {literal(f' FROM ({select}) r')}"
    return [f"DO {dollar_quoted(f'BEGIN EXECUTE {parts}; END')}"]


def _dated(view: ProvenView, day: str, rows: str) -> str:
    """Return the SELECT of rows ``r`` with their days, an expression."""
    names = [*(column.name for column in view.columns), *frozen_zeros(view)]
    columns = "".join(f", r.{identifier(name)}" for name in names)
    return f"SELECT r.user_key, r.at, {day} AS day{columns} FROM {rows}"  # nosec B608  # names and literals are checked


def _day_in(view: ProvenView, zone: str) -> str:
    """Return the day of a row ``r`` in a zone, an expression."""
    return day_of_time("r.at", view.source.time_kind or "date", zone, view.source.stored_zone)


def _unsealed_day(view: ProvenView, day: str) -> str:
    """Return the day of a row ``r`` that is not sealed, NULL of one that is; ``k`` has what was sealed of its user."""
    return (
        f"CASE WHEN k.zone IS NULL THEN {day} "
        f"WHEN {_day_in(view, 'k.zone')} >= k.before_day THEN GREATEST({day}, k.before_day) END"
    )


def has_zones(view: ProvenView) -> bool:
    """Return whether the view's days are those of users' own zones."""
    return view.source.default_zone is not None


def unsealed_rows(view: ProvenView, number: int, archive: str) -> str:
    """Return the item of a FROM clause with all rows ``r`` that no sealed day of an archive has.

    :param archive: the name of the maintained view.
    """
    if not has_zones(view):
        return f"{row_view(view, number)} r"
    return f"({_dated(view, _unsealed_day(view, 'r.day'), _beside_seals(view, number, archive))}) r"


def sealed_rows(view: ProvenView, number: int, archive: str) -> str:
    """Return the item of a FROM clause with all rows ``r``, and the days that they have where an archive is sealed."""
    if not has_zones(view):
        return f"{row_view(view, number)} r"
    day = f"CASE WHEN k.zone IS NULL THEN r.day ELSE {_day_in(view, 'k.zone')} END"
    return f"({_dated(view, day, _beside_seals(view, number, archive))}) r"


def _beside_seals(view: ProvenView, number: int, archive: str) -> str:
    return f"{row_view(view, number)} r LEFT JOIN {_sealed_of(archive, 'r.user_key')}"


def _sealed_of(archive: str, user: str) -> str:
    return f"frontview.sealed_zone k ON k.view = {literal(archive)} AND k.user_id = {user}"


def keep_zones(view: ProvenView, number: int, archive: str, user: str, day: str) -> str:
    """Return the statement that keeps the zones in which the days of an archive before ``day`` are sealed.

    :param user: the archive's column of user keys.
    """
    if not has_zones(view):
        return ""
    name, default = identifier(archive), literal(view.source.default_zone or "")
    return f"""
    INSERT INTO frontview.sealed_zone (view, user_id, zone, before_day)
    SELECT {literal(archive)}, u.user_id, COALESCE(max(u.zone), {default}), {day} FROM (
        SELECT o.user_key::frontview.user_key AS user_id, o.zone FROM {users_view(number)} o
        WHERE o.user_key IS NOT NULL
        UNION ALL
        SELECT DISTINCT a.{user}, NULL FROM frontview.{name}_archive a
    ) u
    GROUP BY u.user_id
    ON CONFLICT (view, user_id) DO UPDATE SET zone = excluded.zone, before_day = excluded.before_day;"""  # nosec B608  # names and literals are checked


def rows_of_user(view: ProvenView, number: int, rows: str, user: str, first: str, last: str, zone: str) -> str:
    """Return the item of a FROM clause with a user's rows of the days ``first`` to ``last``, and its conditions.

    :param rows: what the query calls the rows.
    :param zone: an expression of the user's own zone, where the view has days of these.
    """
    if not has_zones(view):
        days = days_between(view, rows, first, last)
        return f"{row_view(view, number)} {rows} WHERE {rows}.user_key = {user} AND {days}"
    bounds = f"r.user_key = {user} AND {_at_between(view, 'r', first, last, zone)}"
    dated = f"{_dated(view, _day_in(view, zone), f'{_undated(view, number)} r')} WHERE {bounds}"
    return f"({dated}) {rows} WHERE {rows}.day >= {first} AND {rows}.day <= {last}"


def unsealed_rows_of_user(view: ProvenView, number: int, archive: str, user: str, first: str, last: str) -> str:
    """Return the same item of rows ``r``, without those that a sealed day of an archive has; it finds the user's zone.

    :param archive: the name of the maintained view.
    """
    if view.source.default_zone is None:
        return rows_of_user(view, number, "r", user, first, last, "")
    own = f"(SELECT {zone_of(number, user, view.source.default_zone)} AS own_zone) o"
    kept = f"(SELECT o.own_zone, k.zone, k.before_day FROM {own} LEFT JOIN {_sealed_of(archive, user)} OFFSET 0) k"  # nosec B608  # names and literals are checked
    since = f"({first} - CASE WHEN {first} <= k.before_day THEN 2 ELSE 0 END)"
    bounds = f"r.user_key = {user} AND {_at_between(view, 'r', since, last, 'k.own_zone')}"
    day = _unsealed_day(view, _day_in(view, "k.own_zone"))
    dated = f"{_dated(view, day, f'{kept}, {_undated(view, number)} r')} WHERE {bounds}"
    return f"({dated}) r WHERE r.day >= {first} AND r.day <= {last}"


def zone_of(number: int, user: str, default: str) -> str:
    """Return the expression of the zone of a user's days."""
    return f"COALESCE({own_zone_of(number, user)}, {literal(default)})"


def own_zone_of(number: int, user: str) -> str:
    """Return the expression of the zone of a user where each has one; NULL where there is no such user."""
    return f"(SELECT u.zone FROM {users_view(number)} u WHERE u.user_key = {user})"  # nosec B608  # names are checked


def drop_row_view(name: str) -> list[str]:
    """Return the DDL that drops it."""
    name = identifier(name)
    return [f"DROP VIEW IF EXISTS frontview.{name}_row", f"DROP VIEW IF EXISTS frontview.{name}_undated"]


def days_between(view: ProvenView, rows: str, first: str, last: str | None) -> str:
    """Return the condition that rows of the row view have one of the days ``first`` to ``last``, both expressions.

    :param last: None: there is no last day.
    """
    exact = f"{rows}.day >= {first}" + (f" AND {rows}.day <= {last}" if last is not None else "")
    return f"{_at_between(view, rows, first, last, None)} AND {exact}"


def _at_between(view: ProvenView, rows: str, first: str, last: str | None, zone: str | None) -> str:
    """Return the condition that rows may have one of these days, by their time.

    :param zone: an expression of the zone whose days they are, where each user has one; None: of many users' rows.
    """
    bound = f"{rows}.at >= {_begin(view, f'GREATEST({first}, {FIRST})', zone)}"
    return bound if last is None else f"{bound} AND {rows}.at {_end(view, f'LEAST({last}, {LAST})', zone)}"


def counts(view: ProvenView, rows: str) -> str:
    """Return the condition that rows of the row view have a user and, if the view has days, a day."""
    return f"{rows}.user_key IS NOT NULL" + (f" AND {rows}.day IS NOT NULL" if view.source.time_kind else "")


def _begin(view: ProvenView, day: str, zone: str | None) -> str:
    return day if view.source.time_kind == "date" else _midnight(view, day, "-", zone)


def _end(view: ProvenView, day: str, zone: str | None) -> str:
    return f"<= {day}" if view.source.time_kind == "date" else f"< {_midnight(view, f'({day} + 1)', '+', zone)}"


def _midnight(view: ProvenView, day: str, sign: str, zone: str | None) -> str:
    """Return the midnight that begins a day, less or plus the margin, as a value of the time."""
    source = view.source
    own, stored = source.default_zone is not None, source.time_kind == "timestamp"
    place = zone if own and zone else literal(source.zone or "UTC")
    wide = (own and zone is None) or (stored and source.stored_zone != "UTC")
    midnight = f"({day}::timestamp AT TIME ZONE {place}) {sign} {DAY_MARGIN if wide else MARGIN}"
    return f"({midnight}) AT TIME ZONE {literal(source.stored_zone)}" if stored else midnight
