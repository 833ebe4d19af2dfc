"""``frontview seed``: fills a migrated database with realistic data."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from models import load_settings

if TYPE_CHECKING:
    from web.voice.seed import SeedResult


@click.command()
@click.option("--users", required=True, type=click.IntRange(1, 10_000_000), metavar="N", help="Users to add.")
@click.option("--calls", required=True, type=click.IntRange(0, 10**9), metavar="N", help="Calls of all users together.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Number of days, today included."
)
@click.option("--seed", "seed_number", type=int, default=1, show_default=True, help="Seed of the random numbers.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers of rows as JSON.")
def seed(users: int, calls: int, days: int, seed_number: int, as_json: bool) -> None:
    """Add users with realistic calls, leads and quality figures.

    Users differ in size as real customers do (the first has the most calls), live in many time zones and
    call during their working hours; the last day is today, and no row is in the future. Users that the
    database already holds are kept. The same options at the same time make the same rows except for ids.
    """
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from web.cli.progress import progress  # noqa: PLC0415
    from web.voice.seed import SeedPlan, write_seed  # noqa: PLC0415

    plan = SeedPlan(users, calls, days, seed_number)
    url = direct_url(load_settings())
    with connect(url, "frontview-seed") as connection, progress("Calls", calls) as advance:
        result = write_seed(connection, plan, advance)
    click.echo(json.dumps(asdict(result)) if as_json else summary(result))


def summary(result: "SeedResult") -> str:
    """Return a sentence about what was made."""
    rows = ", ".join(f"{count:,} {table}" for table, count in result.rows.items())
    seconds = result.seconds + result.tidy_seconds
    return (
        f"Added {rows} in {seconds:.1f} s ({result.tidy_seconds:.1f} s of it tidying); "
        f"users {result.first_user_id} (the largest) to {result.last_user_id}."
    )
