"""``frontview invalidate``: drops answers from every front cache of every machine, by hand."""

import json
from contextlib import nullcontext

import click

from models.user_key import UserKey
from web.cli.operator import asked_by, operator_connection
from web.cli.token import UserKeyType

DRAINED_SECONDS = 2.0


@click.command()
@click.option("--pattern", metavar="P", help="A glob over `region:user:ID` and `region:user:ID:dashboard`.")
@click.option("--user", type=UserKeyType(), metavar="ID", help="Everything of one user.")
@click.option("--region", metavar="R", help="Everything in one region of the caches.")
@click.option("--everything", is_flag=True, help="Everything.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def invalidate(pattern: str | None, user: UserKey | None, region: str | None, everything: bool, as_json: bool) -> None:
    """Drop answers from the cache of every worker, on every machine.

    Say which ones by exactly one of --pattern, --user, --region and --everything. Answers are exact without it: this is
    for caches that are to be emptied for other reasons. What is asked for while no refresher leads is done by the next.
    """
    from web.operators.operator_requests import ask_invalidation, await_watermark  # noqa: PLC0415

    chosen = _pattern(pattern, user, region, everything)
    with operator_connection() as connection:
        asked = ask_invalidation(connection, chosen, asked_by())
        watermark = await_watermark(lambda: nullcontext(connection), asked, DRAINED_SECONDS)
    if as_json:
        click.echo(json.dumps({"invalidation_id": asked, "pattern": chosen, "watermark": watermark}))
    elif watermark is None:
        click.echo(f"Invalidation {asked} of {chosen} waits for a refresher that leads.")
    else:
        click.echo(f"Invalidation {asked} of {chosen} holds from watermark {watermark}.")


def _pattern(pattern: str | None, user: UserKey | None, region: str | None, everything: bool) -> str:
    """Return the pattern of what was chosen; a usage error where that is not exactly one thing."""
    from refresher.front_cache.patterns import EVERYTHING, pattern_for_region, pattern_for_user  # noqa: PLC0415
    from web.endpoints.admin_bodies import parse_pattern  # noqa: PLC0415

    if sum((pattern is not None, user is not None, region is not None, everything)) != 1:
        raise click.UsageError("Name one of --pattern, --user, --region and --everything, and only one.")
    if pattern is not None:
        try:
            return parse_pattern(pattern)
        except ValueError as error:
            raise click.BadParameter(f"{error}", param_hint="--pattern") from None
    if user is not None:
        return pattern_for_user(user)
    if region is None:
        return EVERYTHING
    _require_region(region)
    return pattern_for_region(region)


def _require_region(region: str) -> None:
    from views_sql.catalog import CATALOG  # noqa: PLC0415

    known = sorted(it.name for it in CATALOG.regions)
    if region not in known:
        raise click.BadParameter(f"no region {region!r}; there are {', '.join(known)}", param_hint="--region")
