"""``frontview invalidate``: drops answers from every front cache on every machine."""

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from web.cli.operator import asked_by, operator_connection, user_of

if TYPE_CHECKING:
    from models.connection import Connection

DRAINED_SECONDS = 2.0  # How long the command waits until a leader has drained the invalidation.


@click.command()
@click.option("--pattern", metavar="P", help="A glob over `region:user:ID` and `region:user:ID:dashboard`.")
@click.option("--user", metavar="ID", help="All answers of one user.")
@click.option("--region", metavar="R", help="All answers in one region of the caches.")
@click.option("--everything", is_flag=True, help="All answers.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def invalidate(pattern: str | None, user: str | None, region: str | None, everything: bool, as_json: bool) -> None:
    """Drop answers from the cache of every worker, on every machine.

    Choose them by exactly one of --pattern, --user, --region and --everything. Answers are exact without this command:
    it is for caches that must be emptied for other reasons. While no refresher leads, the request waits for the next
    leader.
    """
    from web.operators.operator_requests import ask_invalidation, await_watermark  # noqa: PLC0415

    _require_one(pattern, user, region, everything)
    chosen = None if user is not None or region is not None else _pattern(pattern)
    with operator_connection() as connection:
        if region is not None:
            chosen = _pattern_of_region(connection, region)
        chosen = chosen or _pattern_of_user(connection, user or "")
        invalidation_id = ask_invalidation(connection, chosen, asked_by())
        watermark = await_watermark(lambda: nullcontext(connection), invalidation_id, DRAINED_SECONDS)
    if as_json:
        click.echo(json.dumps({"invalidation_id": invalidation_id, "pattern": chosen, "watermark": watermark}))
    elif watermark is None:
        click.echo(f"Invalidation {invalidation_id} of {chosen} waits for a refresher that leads.")
    else:
        click.echo(f"Invalidation {invalidation_id} of {chosen} holds from watermark {watermark}.")


def _require_one(pattern: str | None, user: str | None, region: str | None, everything: bool) -> None:
    """Raise a usage error unless exactly one option was given."""
    if sum((pattern is not None, user is not None, region is not None, everything)) != 1:
        raise click.UsageError("Name one of --pattern, --user, --region and --everything, and only one.")


def _pattern_of_user(connection: "Connection", user: str) -> str:
    """Return the pattern of everything of the user whose key ``user`` spells."""
    from refresher.front_cache.patterns import pattern_for_user  # noqa: PLC0415

    return pattern_for_user(user_of(connection, user))


def _pattern(pattern: str | None) -> str:
    """Return the pattern for the chosen option, which is none about a user or a region."""
    from refresher.front_cache.patterns import EVERYTHING  # noqa: PLC0415
    from web.endpoints.admin_bodies import parse_pattern  # noqa: PLC0415

    if pattern is None:
        return EVERYTHING
    try:
        return parse_pattern(pattern)
    except ValueError as error:
        raise click.BadParameter(f"{error}", param_hint="--pattern") from None


def _pattern_of_region(connection: "Connection", region: str) -> str:
    """Return the pattern of everything in a region of the installed application."""
    from refresher.front_cache.patterns import pattern_for_region  # noqa: PLC0415
    from views_sql.operations.catalog import load_application  # noqa: PLC0415

    known = sorted(it.name for it in load_application(connection).regions)
    if region not in known:
        raise click.BadParameter(f"no region {region!r}; there are {', '.join(known)}", param_hint="--region")
    return pattern_for_region(region)
