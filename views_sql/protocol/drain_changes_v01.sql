-- drain_changes, version 1: performs one drain: marks the keys changed since the last one stale and feeds the caches
-- one row: newest drain_id, number of keys found, whether a row was appended; which marks it leaves alone: see marked
-- reads change_log, refresh_attempt; writes stale_key, feed, drain, invalidation. It must be alone in its transaction:
-- taking its snapshot is the transaction's first write. Raises FV001 when another leader rules
-- change: first version
CREATE FUNCTION frontview.drain_changes(p_epoch bigint, p_nonce bigint)
RETURNS TABLE (newest_drain_id bigint, changed_keys integer, appended boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET work_mem = '64MB'
SET jit = off
AS $$
DECLARE
    last frontview.drain;
    cluster bigint := (SELECT c.system_identifier FROM pg_control_system() c);
    unseen xid8;
    open_then xid8[];
    must_append boolean;
BEGIN
    SELECT * INTO last FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1;
    IF last.epoch > p_epoch OR (last.epoch = p_epoch AND last.nonce <> p_nonce) THEN
        RAISE EXCEPTION 'epoch % rules, not %', last.epoch, p_epoch USING ERRCODE = 'FV001';
    END IF;
    IF last.system_identifier <> cluster OR last IS NULL THEN
        newest_drain_id := frontview.reset_drain(p_epoch, p_nonce, cluster);
        changed_keys := 0;
        appended := TRUE;
        RETURN NEXT;
        RETURN;
    END IF;
    unseen := pg_snapshot_xmax(last.snapshot);
    open_then := ARRAY(SELECT pg_snapshot_xip(last.snapshot));
    -- A new epoch begins with a row of its own. A row with many heartbeats gets a successor, because reads scan its
    -- dead versions.
    must_append := p_epoch > last.epoch OR last.heartbeats >= 40;

    WITH taken AS MATERIALIZED (
        SELECT
            pg_current_snapshot() AS snapshot,
            -- Attempts are odd while a refresh runs, which may take its snapshot after this drain.
            (
                SELECT CASE WHEN bool_or(a.attempts % 2 = 1) THEN -1 ELSE COALESCE(sum(a.attempts), 0) END
                FROM frontview.refresh_attempt a
            )::bigint AS generation
    ), changed AS MATERIALIZED (
        -- Ordered by xid so that only the index on it fits: on a log that vacuum has emptied both indexes seem to cost
        -- the same, and PostgreSQL 17 and later choose the one on users, which they then read from end to end.
        (SELECT l.user_id, l.source, l.day FROM frontview.change_log l WHERE l.xid >= unseen ORDER BY l.xid)
        UNION
        SELECT late.user_id, late.source, late.day
        FROM unnest(open_then) AS o (xid) CROSS JOIN LATERAL (
            SELECT l.user_id, l.source, l.day FROM frontview.change_log l WHERE l.xid BETWEEN o.xid AND o.xid
            ORDER BY l.xid
        ) late
    ), marked AS (
        INSERT INTO frontview.stale_key (user_id, source, day, drain_id, generation)
        SELECT c.user_id, c.source, c.day, last.drain_id + 1, taken.generation
        FROM changed c CROSS JOIN taken
        -- The mark was made while no refresh ran, and none has begun since. A refresh that covers it will take its
        -- snapshot after this drain's, so it will hold this change too, and the mark may stay as it is.
        -- An every-key mark is always written again: its user is NULL, and NULL = NULL is not true.
        WHERE NOT EXISTS (
            SELECT FROM frontview.stale_key k
            WHERE k.user_id = c.user_id AND k.source = c.source AND k.day = c.day
            AND k.generation = taken.generation AND taken.generation >= 0
        )
        ORDER BY c.user_id, c.source, c.day
        ON CONFLICT (user_id, source, day) DO UPDATE
        SET drain_id = excluded.drain_id, generation = excluded.generation
    ), requested AS (
        UPDATE frontview.invalidation i SET drain_id = last.drain_id + 1 WHERE i.drain_id IS NULL RETURNING i.pattern
    ), fed_by_hand AS (
        INSERT INTO frontview.feed (drain_id, user_id, source, first_day, last_day)
        SELECT DISTINCT last.drain_id + 1, NULL::frontview.user_key, 'cache:' || a.pattern, '-infinity'::date,
            '-infinity'::date
        FROM requested a
    ), fed AS (
        INSERT INTO frontview.feed (drain_id, user_id, source, first_day, last_day)
        SELECT last.drain_id + 1, run.user_id, run.source, min(run.day), max(run.day)
        FROM (
            SELECT
                c.user_id, c.source, c.day,
                -- Of very many keys, those of a user are fed as one range of days: 250,000 rows of days apart took the
                -- drain 2 s longer. Caches drop more days of these users than they must, and nothing of others.
                CASE
                    WHEN NOT isfinite(c.day) THEN NULL
                    WHEN (SELECT count(*) FROM changed) > 20000 THEN 0
                    ELSE (c.day - '2000-01-01'::date)
                        - row_number() OVER (PARTITION BY c.user_id, c.source ORDER BY c.day)
                END AS island
            FROM changed c
        ) run
        GROUP BY run.user_id, run.source, run.island
    )
    INSERT INTO frontview.drain AS d (drain_id, epoch, nonce, snapshot, drained_at, system_identifier, key_count)
    SELECT last.drain_id + 1, p_epoch, p_nonce, taken.snapshot, now(), cluster, (SELECT count(*) FROM changed)
    FROM taken WHERE must_append OR EXISTS (SELECT FROM changed) OR EXISTS (SELECT FROM requested)
    RETURNING d.drain_id, d.key_count, TRUE INTO newest_drain_id, changed_keys, appended;

    IF NOT FOUND THEN
        newest_drain_id := last.drain_id;
        changed_keys := 0;
        appended := FALSE;
        -- The heartbeat: this snapshot, taken after now(), found nothing undrained.
        UPDATE frontview.drain d SET drained_at = now(), heartbeats = d.heartbeats + 1
        WHERE d.drain_id = last.drain_id
        AND (now() - d.drained_at >= interval '250 milliseconds' OR now() < d.drained_at);
    END IF;
    RETURN NEXT;
END
$$
