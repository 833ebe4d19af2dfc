"""``frontview release`` and ``restore``: around a host's migration that changes or drops declared columns.

Invariant: each is one transaction; what is refused is said in PostgreSQL's words, and nothing has changed.
"""

import json
from typing import TYPE_CHECKING, LiteralString

import click

if TYPE_CHECKING:
    from models.connection import Connection

RELEASE: LiteralString = "SELECT frontview.release(%s::text::regclass)"
RESTORE: LiteralString = "SELECT frontview.restore(%s::text::regclass)"


@click.command()
@click.argument("table")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def release(table: str, as_json: bool) -> None:
    """Take capture, views and reads of TABLE away, so that its columns, or it, can be changed or dropped.

    Reads of these views are 503 `released` until `frontview restore TABLE`. In the host's own transaction nobody sees a
    gap: `SELECT frontview.release('TABLE')` before the change, and `SELECT frontview.restore('TABLE')` after it. A
    column that is renamed needs neither.
    """
    _tell(_run(RELEASE, table), "Released", "restore", table, as_json)


@click.command()
@click.argument("table")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def restore(table: str, as_json: bool) -> None:
    """Make capture, views and reads of TABLE again, as they are declared; the keys are proven again.

    The refresher populates the views; until then reads come from base tables. Where the declared columns do not fit any
    more, nothing changes, and the reason is said.
    """
    _tell(_run(RESTORE, table), "Restored", None, table, as_json)


def _run(query: LiteralString, table: str) -> list[str]:
    import psycopg  # noqa: PLC0415

    from models import load_settings  # noqa: PLC0415
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415

    with connect(direct_url(load_settings()), "frontview-release", {"lock_timeout": "10s"}) as connection:
        try:
            return _views(connection, query, table)
        except (psycopg.errors.ProgrammingError, psycopg.errors.DataError, psycopg.errors.IntegrityError) as error:
            if error.sqlstate == "42883" and "frontview.re" in str(error):
                raise
            raise click.ClickException(f"Nothing was changed: {error.diag.message_primary}.") from None
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            raise click.ClickException(f"Nothing was changed: {error.diag.message_primary}.") from None


def _views(connection: "Connection", query: LiteralString, table: str) -> list[str]:
    with connection.transaction():
        row = connection.execute(query, (table,)).fetchone()
    return list(row[0]) if row else []


def _tell(views: list[str], what: str, next_command: str | None, table: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"views": views}))
        return
    click.echo(f"{what}: {', '.join(views)}.")
    if next_command:
        click.echo(f"Reads of them are 503 until `frontview {next_command} {table}`.")
