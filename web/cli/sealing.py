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

    The leader seals once all transactions that are open now have ended. From then on the rows of these days may be
    deleted, or their partitions detached or dropped. A later change of such a row is counted, and never applied.
    """
    from web.operators.seals import ask_seal, read_seal, sealed_tables  # noqa: PLC0415

    with operator_connection() as connection:
        ask_seal(connection, view, before)
        state = read_seal(connection, view) if no_wait else _await_seal(connection, view, before)
        tables = sealed_tables(connection, view, before)
    if state is None:
        raise click.ClickException(f"The view {view} is gone.")
    done = state.sealed_before is not None and state.sealed_before >= before.isoformat()
    if as_json:
        click.echo(json.dumps(asdict(state) | {"sealed": done, "tables": [asdict(table) for table in tables]}))
        return
    if not done:
        click.echo(f"{view}: the days before {before} are sealed once the transactions that are open now have ended.")
        return
    click.echo(f"{view}: the days before {before} are sealed.")
    for table in tables:
        click.echo(_may_go(table, before))


@click.command()
@click.argument("view")
@click.option("--before", type=DayType(), metavar="DAY", help="Keep the days before DAY sealed; default: unseal all.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def unseal(view: str, before: date | None, as_json: bool) -> None:
    """Let the sealed days of VIEW be computed from their rows again, if these still give the same numbers.

    The exit code is 1, and nothing is changed, if any key (a user and a day) differs.
    """
    import psycopg  # noqa: PLC0415

    from refresher.refreshing import sealing  # noqa: PLC0415
    from web.operators.seals import read_seal  # noqa: PLC0415

    with operator_connection() as connection:
        state = read_seal(connection, view)
        if state is None or state.sealed_before is None:
            raise click.ClickException(f"No day of {view} is sealed.")
        try:
            differing = sealing.unseal(connection, view, before)
        except psycopg.errors.InvalidParameterValue as error:
            raise click.ClickException(str(error.diag.message_primary)) from None
    if as_json:
        click.echo(json.dumps({"view": view, "unsealed": differing == 0, "differing_keys": differing}))
    elif differing == 0:
        click.echo(f"{view}: the days from {before or 'the first one'} on are no longer sealed.")
    else:
        click.echo(f"{view}: {differing:,} keys (a user and a day) differ from their rows; the days stay sealed.")
    sys.exit(differing > 0)


@click.command()
@click.argument("user")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def erase(user: str, as_json: bool) -> None:
    """Remove the sealed rows of USER from every archive and its sums.

    All other days follow the base tables: delete the user's rows there as well.
    """
    from refresher.front_cache.patterns import pattern_for_user  # noqa: PLC0415
    from refresher.refreshing import sealing  # noqa: PLC0415
    from web.operators.seals import sealed_views, tables_with_rows_of  # noqa: PLC0415

    with operator_connection() as connection:
        key = user_of(connection, user)
        pattern = pattern_for_user(key)
        erased = {view: sealing.erase(connection, view, str(key), pattern) for view in sealed_views(connection)}
        left = tables_with_rows_of(connection, str(key))
    if as_json:
        click.echo(json.dumps({"erased": erased, "tables_with_rows": left}))
        return
    for view, rows in erased.items():
        click.echo(f"{view}: {rows:,} sealed rows removed.")
    if not erased:
        click.echo("No view has sealed days.")
    if left:
        click.echo(
            f"Rows of the user are still in {', '.join(left)}; what is not sealed follows once they are deleted."
        )


def _await_seal(connection: "Connection", view: str, before: date) -> "SealState | None":
    """Wait until the days are sealed; None: the view was dropped.

    :raises click.ClickException: no refresher led for :data:`LEADERLESS_SECONDS`.
    """
    from web.operators.seals import read_seal  # noqa: PLC0415

    led_at = said_at = time.monotonic()
    while True:
        state, now = read_seal(connection, view), time.monotonic()
        if state is None or (state.sealed_before is not None and state.sealed_before >= before.isoformat()):
            return state
        if has_leader(connection):
            led_at = now
        elif now - led_at > LEADERLESS_SECONDS:
            raise click.ClickException("No refresher leads; the days are sealed once one does.")
        if now - said_at > LINE_SECONDS:
            said_at = now
            click.echo(_waits_for(state), err=True)
        time.sleep(CHECK_SECONDS)


def _waits_for(state: "SealState") -> str:
    if state.waits_for:
        return f"Waiting for {state.waits_for} transactions that were open when this was requested."
    return "Waiting for the refresher."


def _may_go(table: "SealedTable", before: date) -> str:
    which = f"rows of {table.name} with {table.day_column} < {before}"
    if table.unsealed_views:
        return f"Keep the {which}: {', '.join(table.unsealed_views)} still needs them."
    return f"The {which} may be deleted, or their partitions detached or dropped."
