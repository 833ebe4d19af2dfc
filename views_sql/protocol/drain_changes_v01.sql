-- drain_changes, version 1: performs one drain: feeds the caches what changed since the last one, and marks keys stale
-- one row: newest drain_id, number of keys (of very many: of log rows) found, whether a row was appended
-- few changes are marked at once; very many become a backlog, of which later drains mark some rows each
-- reads refresh_attempt; writes stale_key, feed, drain, invalidation, and deletes marked rows of a backlog from
-- change_log. Alone in its transaction: taking its snapshot is the first write. Raises FV001 when another leader rules
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
    many CONSTANT integer := 5000; -- More log rows than this are not marked at once.
    rows_a_drain CONSTANT integer := 2000; -- How much of a backlog one drain marks.
    last frontview.drain;
    cluster bigint := (SELECT c.system_identifier FROM pg_control_system() c);
    unseen xid8;
    open_then xid8[];
    unmarked_from xid8;
    unmarked_open xid8[];
    batch tid[];
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
    -- dead versions. A backlog's progress is in the rows.
    must_append := p_epoch > last.epoch OR last.heartbeats >= 40 OR last.marked::text <> last.snapshot::text;
    IF last.marking IS NOT NULL THEN
        -- In the order of the table, which is read once however many rows a long reader keeps from vacuum.
        batch := ARRAY(
            SELECT l.ctid FROM frontview.change_log l
            WHERE l.ctid > last.next_row AND pg_visible_in_snapshot(l.xid, last.marking) LIMIT rows_a_drain
        );
        last.next_row := batch[cardinality(batch)];
    END IF;
    IF batch = '{}' THEN
        -- All rows were looked at. If some are left, which VACUUM FULL may have moved, they are looked for again.
        IF EXISTS (
            SELECT FROM frontview.change_log l
            WHERE l.xid >= pg_snapshot_xmin(last.marked) AND l.xid < pg_snapshot_xmax(last.marking)
            AND pg_visible_in_snapshot(l.xid, last.marking) AND NOT pg_visible_in_snapshot(l.xid, last.marked)
        ) THEN
            last.next_row := '(0,0)';
        ELSE
            last.marked := last.marking;
            last.marking := NULL;
        END IF;
    END IF;
    IF last.marking IS NULL THEN
        unmarked_from := pg_snapshot_xmax(last.marked);
        unmarked_open := ARRAY(SELECT pg_snapshot_xip(last.marked));
    END IF;

    WITH taken AS MATERIALIZED (
        SELECT
            pg_current_snapshot() AS snapshot,
            -- Attempts are odd while a refresh runs, which may take its snapshot after this drain.
            (
                SELECT CASE WHEN bool_or(a.attempts % 2 = 1) THEN -1 ELSE COALESCE(sum(a.attempts), 0) END
                FROM frontview.refresh_attempt a
            )::bigint AS generation
    ), unmarked AS MATERIALIZED (
        -- Without a backlog. Ordered by xid so that only the index on it fits: on a log that vacuum has emptied both
        -- indexes seem to cost the same, and PostgreSQL 17 and later choose the one on users, which they then read
        -- from end to end.
        (SELECT l.user_id, l.source, l.day FROM frontview.change_log l WHERE l.xid >= unmarked_from ORDER BY l.xid)
        UNION ALL
        SELECT late.user_id, late.source, late.day
        FROM unnest(unmarked_open) AS o (xid) CROSS JOIN LATERAL (
            SELECT l.user_id, l.source, l.day FROM frontview.change_log l WHERE l.xid BETWEEN o.xid AND o.xid
            ORDER BY l.xid
        ) late
        LIMIT many + 1
    ), way AS MATERIALIZED (
        SELECT
            last.marking IS NULL AND u.log_rows <= many AS at_once,
            last.marking IS NULL AND u.log_rows <= many AND last.marked::text = last.snapshot::text AS by_key
        FROM (SELECT count(*) AS log_rows FROM unmarked) u
    ), changed AS MATERIALIZED (
        SELECT DISTINCT u.user_id, u.source, u.day + d.days AS day
        -- Where each user has a time zone the UTC day is logged, which touches no local day but its neighbours.
        FROM unmarked u LEFT JOIN frontview.source s USING (source)
        CROSS JOIN generate_series(-COALESCE(s.day_slack, 0), COALESCE(s.day_slack, 0)) d (days)
        WHERE (SELECT w.at_once FROM way w)
    ), ranges AS MATERIALIZED (
        -- Of very many keys, those of a user are fed as one range of days: caches drop more days of these users than
        -- they must, and nothing of others.
        SELECT
            l.user_id, l.source, min(l.day - COALESCE(s.day_slack, 0)) AS first_day,
            max(l.day + COALESCE(s.day_slack, 0)) AS last_day, count(*) AS log_rows
        FROM (
            (SELECT l.user_id, l.source, l.day FROM frontview.change_log l WHERE l.xid >= unseen ORDER BY l.xid)
            UNION ALL
            SELECT late.user_id, late.source, late.day
            FROM unnest(open_then) AS o (xid) CROSS JOIN LATERAL (
                SELECT l.user_id, l.source, l.day FROM frontview.change_log l WHERE l.xid BETWEEN o.xid AND o.xid
                ORDER BY l.xid
            ) late
        ) l LEFT JOIN frontview.source s USING (source)
        WHERE (SELECT NOT w.by_key FROM way w)
        GROUP BY l.user_id, l.source, isfinite(l.day)
    ), taken_from_backlog AS (
        DELETE FROM frontview.change_log l
        WHERE l.ctid = ANY (batch)
        RETURNING l.user_id, l.source, l.day
    ), marked AS (
        INSERT INTO frontview.stale_key (user_id, source, day, drain_id, generation)
        SELECT c.user_id, c.source, c.day, last.drain_id + 1, taken.generation
        FROM (
            SELECT b.user_id, b.source, b.day + d.days AS day
            FROM taken_from_backlog b LEFT JOIN frontview.source s USING (source)
            CROSS JOIN generate_series(-COALESCE(s.day_slack, 0), COALESCE(s.day_slack, 0)) d (days)
            UNION
            SELECT n.user_id, n.source, n.day FROM changed n
        ) c CROSS JOIN taken
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
    ), fed AS (
        INSERT INTO frontview.feed (drain_id, user_id, source, first_day, last_day)
        SELECT last.drain_id + 1, run.user_id, run.source, min(run.day), max(run.day)
        FROM (
            SELECT
                c.user_id, c.source, c.day,
                CASE WHEN isfinite(c.day) THEN (c.day - '2000-01-01'::date)
                    - row_number() OVER (PARTITION BY c.user_id, c.source ORDER BY c.day) END AS island
            FROM changed c WHERE (SELECT w.by_key FROM way w)
        ) run
        GROUP BY run.user_id, run.source, run.island
        UNION ALL
        SELECT last.drain_id + 1, r.user_id, r.source, r.first_day, r.last_day FROM ranges r
        UNION ALL
        SELECT DISTINCT last.drain_id + 1, NULL::frontview.user_key, 'cache:' || a.pattern, '-infinity'::date,
            '-infinity'::date
        FROM requested a
    ), found AS MATERIALIZED (
        SELECT CASE
            WHEN w.by_key THEN (SELECT count(*) FROM changed)
            ELSE (SELECT COALESCE(sum(r.log_rows), 0) FROM ranges r)
        END AS key_count
        FROM way w
    )
    INSERT INTO frontview.drain AS d (
        drain_id, epoch, nonce, snapshot, drained_at, system_identifier, key_count, marked, marking, next_row
    )
    SELECT
        last.drain_id + 1, p_epoch, p_nonce, taken.snapshot, now(), cluster, found.key_count,
        CASE WHEN way.at_once THEN taken.snapshot ELSE last.marked END,
        CASE WHEN way.at_once THEN NULL ELSE COALESCE(last.marking, taken.snapshot) END,
        CASE WHEN way.at_once THEN NULL WHEN last.marking IS NULL THEN '(0,0)' ELSE last.next_row END
    FROM taken CROSS JOIN way CROSS JOIN found
    WHERE must_append OR found.key_count > 0 OR EXISTS (SELECT FROM requested)
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
