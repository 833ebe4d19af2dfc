"""Sealed days of an archive: they are sealed, compared with the base tables and unsealed, and a person is erased.

Invariant: sealed rows, and which days are sealed, change only under the gates of the archive and its sums.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from models.connection import Connection
from models.errors import FrontviewError
from refresher.refreshing.refresh_log import TierRefresh, rows_added, value_of
from refresher.refreshing.steps import announce, announce_end, gates, one_snapshot, refuse_rewritten
from views_sql.declaration.maintained_view import ARCHIVE_TIERS

GATE_WAIT_SECONDS = 60.0  # How long an operator's command waits until no refresh of the archive runs.
GATE_CHECK_SECONDS = 0.1
ATTEMPTS = 5  # At a comparison; what was committed just before it may be marked after it.

DUE = "SELECT frontview.seal_is_due(%s)"
COMPARE: LiteralString = "SELECT differing, snapshot::text, drain_id, changes FROM {}(%s)"
UNSEAL = "SELECT frontview.unseal(%s, %s, %s, %s, %s)"
# Beside the sealed rows, nothing is counted: what is logged must go on from the last number of rows.
LOG_ERASED = """
INSERT INTO frontview.refresh_log (view, tier, started_at, duration_ms, row_count, outcome)
SELECT %(view)s, 'archive', %(started_at)s, %(ms)s, (
    SELECT l.row_count FROM frontview.refresh_log l
    WHERE l.view = %(view)s AND l.tier = 'archive' AND l.row_count IS NOT NULL ORDER BY l.refresh_id DESC LIMIT 1
) - %(erased)s, 'erased'
"""


class ArchiveBusy(FrontviewError):
    """Refreshes left no moment for an operator's command."""

    def __init__(self, view: str) -> None:
        super().__init__(f"Other work on the archive of {view} left no moment for this; try again later.")


class ChangesUnderWay(FrontviewError):
    """Sealed days changed while they were compared with their rows: they stay sealed."""

    def __init__(self, view: str) -> None:
        super().__init__(f"Changes of sealed days of {view} are under way; try again.")


def seal_if_due(
    connection: Connection, view: str, parts: list[TierRefresh], epoch: int, timeout_seconds: float
) -> bool:
    """Seal the days that were requested, if that is due; return whether it did.

    The caller holds the gates, has brought the archive up to date, so that little is left to write, and announces the
    end of the attempt.

    :raises psycopg.Error: it failed, and nothing is sealed.
    """
    if not value_of(connection, DUE, view):
        return False
    # So that no drain leaves a mark alone that the seal has seen: its number would not tell that a change is late.
    announce(connection, view, ARCHIVE_TIERS)
    with one_snapshot(connection, timeout_seconds):
        before = rows_added(connection, view, parts)
        sealed = bool(value_of(connection, _call(view, "seal"), epoch))
        for part, earlier, now in zip(parts, before, rows_added(connection, view, parts), strict=True):
            part.rows_added += now - earlier
        refuse_rewritten(connection, view)
    return sealed


def unseal(connection: Connection, views: Sequence[str], before: date | None) -> int:
    """Unseal the days from ``before`` on (None: all) if they equal the base tables; return how many keys differ.

    All views are unsealed together or none is; what is only requested is withdrawn.

    A change that commits while the days are compared must not make its rows' numbers vanish: a second transaction,
    which unseals, looks for one.

    :raises ArchiveBusy: refreshes left no moment for it.
    :raises ChangesUnderWay: the days changed after they were compared.
    """
    day = "-infinity" if before is None else before
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(GATE_CHECK_SECONDS)
        differing = _unseal_once(connection, views, day)
        if differing is not None:
            return differing
    raise ChangesUnderWay(", ".join(views))


def _unseal_once(connection: Connection, views: Sequence[str], day: date | str) -> int | None:
    """Unseal the days from ``day`` on if they equal their rows; return how many keys differ, None: they changed."""
    with ExitStack() as announced:
        for view in views:
            announced.enter_context(_archive_alone(connection, view))
            # So that no drain leaves an earlier mark alone: its number would not tell that the day has changed since.
            announce(connection, view, ARCHIVE_TIERS)
            announced.callback(_announce_end, connection, view)
        found = {view: _compared(connection, view, day) for view in views}
        if differing := sum(int(count) for count, *_ in found.values()):
            return differing
        return 0 if _unseal_all(connection, found, day) else None


def _unseal_all(connection: Connection, compared: Mapping[str, tuple[Any, ...]], day: date | str) -> bool:
    """Unseal views that equalled their rows, all or none; return whether it did: not where one has changed since."""
    with connection.transaction() as unsealing:
        for view, (_, *found) in compared.items():
            if not value_of(connection, UNSEAL, view, day, *found):
                raise psycopg.Rollback(unsealing)
        return True
    return False


def _announce_end(connection: Connection, view: str) -> None:
    if not connection.broken:
        announce_end(connection, view, ARCHIVE_TIERS)


def _compared(connection: Connection, view: str, day: date | str) -> tuple[Any, ...]:
    """Compare sealed days with their rows in one snapshot; return how many keys differ, and when that was."""
    compare = sql.SQL(COMPARE).format(sql.Identifier("frontview", f"{view}_compare_sealed"))
    with one_snapshot(connection, 0):
        row = connection.execute(compare, (day,)).fetchone()
    assert row is not None  # noqa: S101  the function returns one row
    return row


def erase(connection: Connection, view: str, user: str, pattern: str) -> int:
    """Remove a user's sealed rows and their part of the sums; return how many rows that were.

    :param user: the user key as text.
    :param pattern: of the user's answers, which the caches drop.
    :raises ArchiveBusy: refreshes left no moment for it.
    """
    with _archive_alone(connection, view), connection.transaction():
        started_at, begun = datetime.now(UTC), time.monotonic()
        erased = int(value_of(connection, _call(view, "erase"), user))
        if erased:
            values = {"view": view, "erased": erased, "started_at": started_at}
            connection.execute(LOG_ERASED, values | {"ms": round(1000 * (time.monotonic() - begun))})
        connection.execute("SELECT frontview.request_invalidation(%s, 'erase')", (pattern,))
    return erased


@contextmanager
def _archive_alone(connection: Connection, view: str) -> Iterator[None]:
    """Hold the gates of an archive and its sums; between two attempts, their holder goes on."""
    until = time.monotonic() + GATE_WAIT_SECONDS
    while True:
        with gates(connection, view, ARCHIVE_TIERS) as entered:
            if entered:
                yield
                return
        if time.monotonic() >= until:
            raise ArchiveBusy(view)
        time.sleep(GATE_CHECK_SECONDS)


def _call(view: str, function: str) -> sql.Composed:
    return sql.SQL("SELECT {}(%s)").format(sql.Identifier("frontview", f"{view}_{function}"))
