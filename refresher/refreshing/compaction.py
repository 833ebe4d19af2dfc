"""Compaction of an archive: its stale keys are corrected in chunks, a short transaction each, however long history is.

Invariant: ``through`` is read with a snapshot that is older than what decides for a compaction and than that of every
chunk, and set last, so that it covers no change that the rows lack. A chunk brings rows and their sums together to a
later state, which is right at any time.
"""

import time
from typing import LiteralString

from psycopg import sql

from models.connection import Connection
from refresher.refreshing.refresh_log import TierRefresh
from refresher.refreshing.steps import announce_end, cover, one_snapshot

CHUNK_KEYS = 1000
REBUILD_DUE = "rebuild due"
KEYS_TO_MEASURE = 100  # The cost a key of fewer is mostly the cost of transactions.
LONGEST_REBUILD_SECONDS = 60.0  # A rebuild holds one snapshot: beyond this it is chosen only if every key is stale.
LEAST_COMPACTION_US = 1_000_000  # A shorter compaction is not replaced: new tables cost readers more than time.
ASSUMED_KEY_US = 100

# A changed key counts once a source; one without a day counts as the rows of an average user, too. Counted are no more
# keys than make the decision.
STALE: LiteralString = """
SELECT
    EXISTS (
        SELECT FROM frontview.stale_key k
        WHERE k.user_id IS NULL AND k.drain_id > v.through AND k.source = ANY (v.sources)
    ),
    (
        SELECT count(*)
            + count(*) FILTER (WHERE k.day = '-infinity') * GREATEST(c.reltuples / NULLIF(t.reltuples, 0), 0)
        FROM (
            SELECT k.day
            FROM unnest(v.sources) s (source) CROSS JOIN LATERAL (
                SELECT k.day FROM frontview.stale_key k
                WHERE k.source = s.source AND k.day < v.before_day AND k.drain_id > v.through
                AND (k.day >= v.first_day OR k.day = '-infinity')
                ORDER BY k.source, k.day, k.user_id LIMIT most.keys
            ) k
            LIMIT most.keys
        ) k
    )::bigint,
    v.key_us,
    -- The archive may have grown since, by moves of the horizon.
    (v.rebuild_ms * GREATEST(1, c.reltuples / NULLIF(v.rebuilt_rows, 0)))::bigint
FROM frontview.view_state v JOIN pg_class c ON c.oid = to_regclass(v.relation)
JOIN frontview.view_state v_total ON v_total.view = v.view AND v_total.tier = 'total'
JOIN pg_class t ON t.oid = to_regclass(v_total.relation)
CROSS JOIN LATERAL (
    SELECT GREATEST(1000 * v.rebuild_ms, %(least)s) / COALESCE(v.key_us, %(assumed)s) + 1 AS keys
) most
WHERE v.view = %(view)s AND v.tier = 'archive'
"""
MEASURED = "UPDATE frontview.view_state SET key_us = %s WHERE view = %s AND tier = 'archive'"


def rebuild_is_due(connection: Connection, view: str) -> bool:
    """Return whether a populated archive should be rebuilt: every key is stale, or it is cheaper than compaction."""
    row = connection.execute(STALE, {"view": view, "assumed": ASSUMED_KEY_US, "least": LEAST_COMPACTION_US}).fetchone()
    if row is None:
        return False
    every_key, keys, key_us, rebuild_ms = row
    return bool(every_key) or rebuild_is_cheaper(keys, key_us, rebuild_ms)


def rebuild_is_cheaper(keys: int, key_us: int | None, rebuild_ms: int | None) -> bool:
    """Return whether a rebuild takes less time than the compaction of that number of keys.

    :param key_us: measured microseconds a key; None: never measured.
    :param rebuild_ms: milliseconds that a rebuild would take by the last one; None: there was none.
    """
    if rebuild_ms is None or rebuild_ms > 1000 * LONGEST_REBUILD_SECONDS:
        return False
    compaction_us = keys * (key_us or ASSUMED_KEY_US)
    return compaction_us > max(1000 * rebuild_ms, LEAST_COMPACTION_US)


def compact(connection: Connection, view: str, parts: list[TierRefresh], epoch: int, timeout_seconds: float) -> str:
    """Compact the archive and its sums, whose attempt is announced; return the outcome, or ``REBUILD_DUE``.

    :param parts: the archive and its total, in this order.
    :raises psycopg.Error: it failed; chunks that were committed stay, and what the tiers cover is as before.
    """
    tiers, begun = [part.tier for part in parts], time.monotonic()
    through = announce_end(connection, view, tiers)
    if rebuild_is_due(connection, view):
        return REBUILD_DUE
    # A day that is -infinity is text to us: a date of Python has none.
    call = sql.SQL("SELECT next_day::text, next_user, keys, rows_added FROM {}(%s::date, %s, %s)").format(
        sql.Identifier("frontview", f"{view}_compact")
    )
    key: tuple[object, object] = (None, None)
    done, covered, keys = False, False, 0
    while not done:
        with one_snapshot(connection, timeout_seconds):
            row = connection.execute(call, (*key, CHUNK_KEYS)).fetchone()
            assert row is not None  # noqa: S101  the function returns one row
            key, keys, done = row[:2], keys + row[2], row[0] is None
            if done:
                cover(connection, view, tiers, through, epoch)
            for part, added in zip(parts, row[3], strict=True):
                part.rows_added += added
            covered = done
    parts[0].seconds = time.monotonic() - begun
    if keys >= KEYS_TO_MEASURE:
        connection.execute(MEASURED, (round(1e6 * parts[0].seconds / keys), view))
    return "refreshed" if covered else "fenced"
