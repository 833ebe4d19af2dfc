-- begin_read, version 1: returns the state of an exact read: watermark and stale days, under the caller's snapshot
-- one row; STABLE, so that it reads with the snapshot of the statement that calls the dashboard
-- reads drain, change_log, stale_key, view_state, ready_view; p_base: every unsealed day is stale
-- leaves out days outside p_first..p_last; storage holds every captured table, so that direct reads are checked too
-- change: first version
CREATE FUNCTION frontview.begin_read(
    p_user frontview.user_key, p_views text [], p_first date, p_last date, p_base boolean
) RETURNS frontview.read_state
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    newest record;
    unmarked_from xid8;
    unmarked_open xid8[];
    marks frontview.mark[];
    oldest bigint; -- NULL: no tier has contents, and every day is stale.
    named text[];
    ready record;
    ready_views integer := 0;
    storage oid[];
    filenodes oid[];
    views frontview.staleness[];
BEGIN
    SELECT
        d.epoch, d.drain_id, d.snapshot, d.marked,
        d.system_identifier = (SELECT c.system_identifier FROM pg_control_system() c) AS at_home
    INTO newest
    FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1;
    -- Without a drain, or in another cluster, where saved snapshots mean nothing, only the base tables are exact.
    p_base := p_base OR newest.at_home IS NOT TRUE;
    IF NOT p_base THEN
        unmarked_from := pg_snapshot_xmax(newest.marked);
        unmarked_open := ARRAY(SELECT pg_snapshot_xip(newest.marked));
        SELECT array_agg(
            ROW (m.source, m.day + d.days, CASE
                WHEN m.xid IS NULL THEN m.drain_id
                -- Of a backlog: a later drain will mark it.
                WHEN pg_visible_in_snapshot(m.xid, newest.snapshot) THEN newest.drain_id + 1
            END)::frontview.mark
        ) INTO marks
        FROM (
            -- Rows are compared or ordered so that only the index on users and xid fits: on a log that vacuum has
            -- emptied both indexes seem to cost the same, and by the one on xid a read would scan all users' changes.
            SELECT l.source, l.day, l.xid, NULL::bigint AS drain_id FROM frontview.change_log l
            WHERE (l.user_id, l.xid) >= (p_user, unmarked_from) AND l.user_id <= p_user
            UNION ALL
            SELECT l.source, l.day, l.xid, NULL FROM unnest(unmarked_open) AS o (xid) INNER JOIN frontview.change_log l
                ON (l.user_id, l.xid) >= (p_user, o.xid) AND (l.user_id, l.xid) <= (p_user, o.xid)
            UNION ALL
            (
                SELECT l.source, l.day, l.xid, NULL FROM frontview.change_log l
                WHERE l.user_id IS NULL AND l.xid >= unmarked_from ORDER BY l.user_id
            )
            UNION ALL
            SELECT every_user.source, every_user.day, every_user.xid, NULL
            FROM unnest(unmarked_open) AS o (xid) CROSS JOIN LATERAL (
                SELECT l.source, l.day, l.xid FROM frontview.change_log l
                WHERE l.user_id IS NULL AND l.xid BETWEEN o.xid AND o.xid ORDER BY l.user_id
            ) every_user
            UNION ALL
            SELECT k.source, k.day, NULL, k.drain_id FROM frontview.stale_key k WHERE k.user_id = p_user
            UNION ALL
            SELECT k.source, k.day, NULL, k.drain_id FROM frontview.stale_key k WHERE k.user_id IS NULL
        ) m
        -- The days of marks are local already, those of the log are perhaps UTC's.
        LEFT JOIN frontview.source s ON s.source = m.source AND m.xid IS NOT NULL
        CROSS JOIN generate_series(-COALESCE(s.day_slack, 0), COALESCE(s.day_slack, 0)) d (days);
        -- Marks that all these views cover, and those of other views, as of ones that are being populated, are kept for
        -- others: a read compares neither with each tier.
        IF marks IS NOT NULL THEN
            SELECT min(t.through), array_agg(DISTINCT s.source) INTO oldest, named
            FROM frontview.view_state t CROSS JOIN unnest(t.sources) s (source) WHERE t.view = ANY (p_views);
            SELECT array_agg(m) INTO marks FROM unnest(marks) m
            WHERE m.drain_id IS NULL OR (m.drain_id > oldest AND m.source = ANY (named));
        END IF;
        IF marks IS NOT NULL AND NOT EXISTS (
            SELECT FROM unnest(marks) m
            WHERE m.drain_id IS NULL OR EXISTS (
                SELECT FROM frontview.view_state t
                WHERE t.view = ANY (p_views) AND m.source = ANY (t.sources)
                AND frontview.tier_holds(t.first_day, t.before_day, m.day)
                AND (t.through IS NULL OR t.through < m.drain_id)
            )
        ) THEN
            marks := NULL;
        END IF;
    END IF;

    IF NOT p_base AND marks IS NULL AND p_first <= p_last AND p_views <> '{}' THEN
        FOR ready IN
            SELECT r.view, r.clean, r.storage, r.filenodes FROM frontview.ready_view r
            -- In a copied database, a note is about the relations of the original.
            WHERE r.view = ANY (p_views) AND r.noted_in = 'frontview.ready_view'::regclass
            AND ARRAY(SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = ANY (r.storage)) <@ r.storage
        LOOP
            ready_views := ready_views + 1;
            views[array_position(p_views, ready.view)] := ready.clean;
            storage := storage || ready.storage;
            filenodes := filenodes || ready.filenodes;
        END LOOP;
        IF ready_views = cardinality(p_views) AND NOT frontview.storage_changed(storage, filenodes) THEN
            RETURN ROW (
                newest.epoch, newest.drain_id, FALSE, 'materialized_view'::text, 0, storage, filenodes, views
            );
        END IF;
    END IF;
    RETURN frontview.find_stale_days(
        p_views, p_first, p_last, p_base, newest.epoch, newest.drain_id, marks
    );
END
$$
