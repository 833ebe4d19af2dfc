"""The database a scale describes: migrated, seeded, views populated by the refresher's own code, vacuumed.

Invariant: the views cover everything seeded: a clone of it has no stale key.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from alembic import command
from alembic.config import Config
from psycopg import sql

from bench.system.application import CALL_DAY, ROOT
from bench.system.copies import multiply, without_capture
from bench.system.scale import Scale
from models.connection import Connection
from models.engine import connect, make_engine
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term, try_to_lead
from refresher.refreshing.refresh import refresh
from views_sql.declaration.maintained_view import ARCHIVE_TIERS, MaintainedView
from views_sql.operations.catalog import load_application
from web.voice.seed import SeedPlan, write_seed

RECENT_DAYS = 45
BY_SIZE = (
    "SELECT user_id, count(*), count(*)::float8 / sum(count(*)) OVER () FROM public.calls "
    "GROUP BY user_id ORDER BY count(*) DESC, user_id"
)


@dataclass(frozen=True, slots=True)
class People:
    """The users that questions are about.

    :param largest_share: the largest user's share of all calls.
    """

    largest: int
    largest_calls: int
    largest_share: float
    median: int
    median_calls: int
    everyone: tuple[int, ...]


@contextmanager
def leading(url: str) -> Iterator[tuple[Connection, Term]]:
    """Lead in a database without a refresher process: the caller drains."""
    with connect(url, "frontview-bench-leader") as connection:
        term = try_to_lead(connection)
        if term is None:
            raise RuntimeError("another refresher leads in the benchmark's database")
        yield connection, term


def populate(url: str, scale: Scale, advance: Callable[[int], None]) -> None:
    """Fill an empty database.

    :param advance: called with numbers of calls, ``scale.calls`` in all.
    """
    engine = make_engine(url, "frontview-bench-migrate")
    config = Config(str(ROOT / "alembic.ini"))
    with engine.begin() as migrating:
        config.attributes["connection"] = migrating
        command.upgrade(config, "heads")
    engine.dispose()
    with connect(url, "frontview-bench-seed") as connection, without_capture(connection):
        write_seed(connection, SeedPlan(scale.users, scale.calls // scale.copies, scale.days), advance)
        if scale.copies > 1:
            multiply(connection, scale.copies)
            advance(scale.calls - scale.calls // scale.copies)
    with leading(url) as (drain, term), connect(url, "frontview-bench-refresh") as connection:
        refresh_everything(drain, term, connection)
        connection.execute("VACUUM (ANALYZE)")


def refresh_everything(drain: Connection, term: Term, connection: Connection) -> None:
    """Refresh every view and delete the stale keys that this covers."""
    horizon = datetime.now(UTC).date() - timedelta(days=RECENT_DAYS)
    refresh_all(connection, (drain, term), load_application(connection).views, horizon)
    drain.execute("SELECT frontview.prune_change_log(NULL, 10000000)")
    drain.execute("SELECT frontview.collect_stale_keys(NULL, NULL, NULL, 10000000)")


def refresh_all(
    connection: Connection, leader: tuple[Connection, Term], views: tuple[MaintainedView, ...], horizon: date
) -> None:
    """Refresh all tiers of views after a drain.

    :raises RuntimeError: one of them was not refreshed.
    """
    drain_once(*leader)
    for view in views:
        days = horizon if view.day_column else None
        outcome = refresh(connection, view, view.tiers, leader[1].epoch, horizon=days).outcome
        if outcome not in {"populated", "refreshed", "moved"}:
            raise RuntimeError(f"{view.name} was not refreshed: {outcome}")


def empty(connection: Connection, view: MaintainedView) -> None:
    """Empty a view's tiers, as a migration makes them."""
    for tier in view.tiers:
        table = tier in ARCHIVE_TIERS
        connection.execute(
            sql.SQL("TRUNCATE {}" if table else "REFRESH MATERIALIZED VIEW {} WITH NO DATA").format(
                sql.Identifier("frontview", f"{view.name}_{tier}")
            )
        )
    connection.execute("UPDATE frontview.view_state SET through = NULL WHERE view = %s", (view.name,))


def keep_newest(connection: Connection, share: float) -> None:
    """Delete the oldest days, so that ``share`` of the calls stay, and rewrite the table."""
    days = f"SELECT c.id, {CALL_DAY} AS day FROM public.calls c JOIN public.users u ON u.id = c.user_id"  # nosec B608  # our own names
    oldest = f"SELECT percentile_disc({1 - share}) WITHIN GROUP (ORDER BY d.day) FROM d"
    delete = f"DELETE FROM public.calls USING d WHERE d.id = calls.id AND d.day < ({oldest})"
    with without_capture(connection):
        connection.execute(f"WITH d AS MATERIALIZED ({days}) {delete}".encode())
    connection.execute("VACUUM (FULL, ANALYZE) public.calls")


def people_of(url: str) -> People:
    """Return the users that the questions are about, by their numbers of calls."""
    with connect(url, "frontview-bench-people") as connection:
        users = connection.execute(BY_SIZE).fetchall()
    largest, middle = users[0], users[len(users) // 2]
    return People(largest[0], largest[1], largest[2], middle[0], middle[1], tuple(user[0] for user in users))


def clone(server_url: str, template: str, name: str) -> None:
    """Copy a database that has no connections."""
    with connect(server_url, "frontview-bench-clone") as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )


def drop(server_url: str, name: str) -> None:
    """Drop a database, even if there are still connections."""
    with connect(server_url, "frontview-bench-drop") as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
