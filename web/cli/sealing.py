"""``frontview seal``, ``unseal`` and ``erase``: days whose numbers stay although their rows go, and people who go."""

import json
import sys
import time
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from web.cli.operator import has_leader, operator_connection, user_of

if TYPE_CHECKING:
    from models.connection import Connection
    from models.user_key import UserKey
    from web.operators.seals import SealedTable, SealState

CHECK_SECONDS = 0.1  # How often the command looks whether the days are sealed.
LINE_SECONDS = 5.0  # How often it says what it waits for.
LEADERLESS_SECONDS = 10.0  # Longer than a new leader needs to take over.


class DayType(click.ParamType[date]):
    """A day as YYYY-MM-DD."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day; a usage error otherwise."""
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()
        except ValueError:
            self.fail(f"{value!r}: expected a day as YYYY-MM-DD", param, ctx)


@click.command()
@click.argument("view")
@click.option("--before", type=DayType(), required=True, metavar="DAY", help="The first day that is not sealed.")
@click.option("--no-wait", is_flag=True, help="Only request it.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def seal(view: str, before: date, no_wait: bool, as_json: bool) -> None:
    """Seal the days of VIEW before DAY: their numbers stay, whatever becomes of their rows.

    The leader seals once all transactions that have written something by now have ended. The command then says which
    rows may be deleted. A later change of a row of these days is counted, and never applied. What is stored for
    `distinct` measures of a declared view is sealed with it.
    """
    from web.operators.seals import ask_seal, is_sealed, read_seal, sealed_tables, sealed_together  # noqa: PLC0415

    with operator_connection() as connection:
        views = sealed_together(connection, view)
        view, state = views[0], read_seal(connection, views)
        if not is_sealed(state, before):
            ask_seal(connection, views, before)
            state = read_seal(connection, views) if no_wait else _await_seal(connection, views, before)
        tables = sealed_tables(connection, view, before)
    if state is None:
        raise click.ClickException(f"The view {view} is gone.")
    done = is_sealed(state, before)
    if as_json:
        click.echo(json.dumps(asdict(state) | {"sealed": done, "tables": [asdict(table) for table in tables]}))
        return
    if not done:
        click.echo(
            f"{view}: the days before {before} are sealed once the transactions that have written by now have ended."
        )
        return
    click.echo(f"{view}: the days before {before} are sealed.")
    for table in tables:
        click.echo(_may_go(table))


@click.command()
@click.argument("view")
@click.option("--before", type=DayType(), metavar="DAY", help="Keep the days before DAY sealed; default: unseal all.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def unseal(view: str, before: date | None, as_json: bool) -> None:
    """Let the sealed days of VIEW be computed from their rows again, if these still give the same numbers.

    A request to seal is withdrawn. The exit code is 1, and nothing is changed, if any key (a user and a day) differs.
    """
    from refresher.refreshing import sealing  # noqa: PLC0415
    from web.operators.seals import sealed_together, with_seal  # noqa: PLC0415

    with operator_connection() as connection:
        views = sealed_together(connection, view)
        view = views[0]
        if not (sealed := with_seal(connection, views, before)):
            raise click.ClickException(f"No day of {view}{f' from {before} on' if before else ''} is sealed.")
        differing = sealing.unseal(connection, sealed, before)
    if as_json:
        click.echo(json.dumps({"view": view, "unsealed": differing == 0, "differing_keys": differing}))
    elif differing == 0:
        click.echo(f"{view}: the days from {before or 'the first one'} on are no longer sealed.")
    else:
        click.echo(f"{view}: {differing:,} keys (a user and a day) differ from their rows; the days stay sealed.")
    sys.exit(differing > 0)


@click.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def erase(user: str, yes: bool, as_json: bool) -> None:
    """Remove the sealed rows of USER from every archive and its sums; they cannot be brought back.

    All other days follow the base tables: delete the user's rows there as well. The exit code is 1 if other work on an
    archive left no moment for this; the others are erased.
    """
    from web.operators.seals import tables_with_rows_of  # noqa: PLC0415

    if not yes:
        _confirm_erasing(user)
    with operator_connection() as connection:
        key = user_of(connection, user)
        erased, busy = _erase_everywhere(connection, key)
        left = tables_with_rows_of(connection, str(key))
    if as_json:
        click.echo(json.dumps({"erased": erased, "busy": busy, "tables_with_rows": left}))
        sys.exit(bool(busy))
    for view, rows in erased.items():
        click.echo(f"{view}: {rows:,} sealed rows removed.")
    for view in busy:
        click.echo(f"{view}: nothing removed, other work on its archive left no moment for it; run this again.")
    if not erased and not busy:
        click.echo("No view has sealed days.")
    if left:
        click.echo(
            f"Rows of the user are still in {', '.join(left)}; what is not sealed follows once they are deleted."
        )
    sys.exit(bool(busy))


def _confirm_erasing(user: str) -> None:
    """Ask whether to erase a user; without a terminal, nobody can answer.

    :raises click.ClickException: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise click.ClickException("Sealed rows cannot be brought back: without a terminal, confirm with --yes.")
    click.confirm(f"Remove the sealed rows of user {user}? They cannot be brought back.", abort=True, err=True)


def _erase_everywhere(connection: "Connection", user: "UserKey") -> tuple[dict[str, int], list[str]]:
    """Erase a user in every view with sealed days; return the rows removed by view, and the views that were busy."""
    from refresher.front_cache.patterns import pattern_for_user  # noqa: PLC0415
    from refresher.refreshing import sealing  # noqa: PLC0415
    from web.operators.seals import sealed_views  # noqa: PLC0415

    pattern = pattern_for_user(user)
    erased: dict[str, int] = {}
    busy: list[str] = []
    for view in sealed_views(connection):
        try:
            erased[view] = sealing.erase(connection, view, str(user), pattern)
        except sealing.ArchiveBusy:
            busy.append(view)
    return erased, busy


def _await_seal(connection: "Connection", views: list[str], before: date) -> "SealState | None":
    """Wait until the days are sealed in all views; None: one was dropped.

    :raises click.ClickException: no refresher led for :data:`LEADERLESS_SECONDS`, or the request was replaced.
    """
    from web.operators.seals import is_sealed, read_seal  # noqa: PLC0415

    led_at = said_at = time.monotonic()
    while True:
        state, now = read_seal(connection, views), time.monotonic()
        if state is None or is_sealed(state, before):
            return state
        if state.sealing_before != before.isoformat():
            raise click.ClickException(_replaced(state, before))
        if has_leader(connection):
            led_at = now
        elif now - led_at > LEADERLESS_SECONDS:
            raise click.ClickException("No refresher leads; the days are sealed once one does.")
        if now - said_at > LINE_SECONDS:
            said_at = now
            click.echo(_waits_for(state), err=True)
        time.sleep(CHECK_SECONDS)


def _replaced(state: "SealState", before: date) -> str:
    by = f"one for the days before {state.sealing_before}" if state.sealing_before else "frontview unseal"
    return f"The days before {before} are not sealed: the request was replaced by {by}."


def _waits_for(state: "SealState") -> str:
    if state.waits_for:
        return f"Waiting for {state.waits_for} transactions that had written before this was requested."
    if state.failures > 1:
        return f"Waiting for the refresher; {state.failures} refreshes of the archive failed in a row: see its log."
    return "Waiting for the refresher."


def _may_go(table: "SealedTable") -> str:
    which = f"rows of {table.name} with {table.day_column} < {table.before}"
    if table.unsealed_views:
        return f"Keep the {which}: {', '.join(table.unsealed_views)} still needs them."
    if table.cascades_to:
        reached, views = ", ".join(table.cascades_to), ", ".join(table.cascading_views)
        return (
            f"Keep the {which}: deleting them also deletes or changes rows of {reached}, which {views} counts by days "
            "of their own. Only those may go that rows of no unsealed day there refer to."
        )
    return f"The {which} may be deleted, or their partitions detached or dropped."
