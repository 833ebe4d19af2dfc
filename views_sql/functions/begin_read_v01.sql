-- begin_read, version 1: the state of an exact read: watermark and stale days, under the caller's snapshot
-- one row; STABLE, so that it reads with the snapshot of the statement that calls the dashboard
-- reads drain, change_log, stale_key, view_state, source; p_base: every day stale (the base-tables read)
-- p_tables: tables that the caller reads directly; days outside p_first..p_last are left out
-- change: first version
CREATE FUNCTION frontview.begin_read(
    p_user frontview.user_key, p_views text [], p_tables regclass [], p_first date, p_last date, p_base boolean
) RETURNS frontview.read_state
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    newest record;
    state frontview.read_state;
    unseen xid8;
    open_then xid8[];
BEGIN
    SELECT d.epoch, d.drain_id, d.snapshot, d.system_identifier INTO newest
    FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1;
    IF NOT FOUND THEN
        state.epoch := 0;
        state.drain_id := 0;
        p_base := TRUE;
    ELSE
        state.epoch := newest.epoch;
        state.drain_id := newest.drain_id;
        unseen := pg_snapshot_xmax(newest.snapshot);
        open_then := ARRAY(SELECT pg_snapshot_xip(newest.snapshot));
        -- restored into another cluster: saved snapshots say nothing there
        p_base := p_base OR newest.system_identifier <> (SELECT c.system_identifier FROM pg_control_system() c);
    END IF;

    WITH mark AS (
        SELECT l.source, l.day, NULL::bigint AS drain_id FROM frontview.change_log l
        WHERE l.user_id = p_user AND l.xid >= unseen
        UNION ALL
        SELECT l.source, l.day, NULL FROM frontview.change_log l
        WHERE l.user_id = p_user AND l.xid = ANY (open_then)
        UNION ALL
        SELECT l.source, l.day, NULL FROM frontview.change_log l
        WHERE l.user_id IS NULL AND l.xid >= unseen
        UNION ALL
        SELECT l.source, l.day, NULL FROM frontview.change_log l
        WHERE l.user_id IS NULL AND l.xid = ANY (open_then)
        UNION ALL
        SELECT k.source, k.day, k.drain_id FROM frontview.stale_key k WHERE k.user_id = p_user
        UNION ALL
        SELECT k.source, k.day, k.drain_id FROM frontview.stale_key k WHERE k.user_id IS NULL
    ), tier AS (
        SELECT
            v.position, t.view, t.tier, t.first_day, t.sources, c.oid AS relation,
            NOT p_base AND t.through IS NOT NULL AND c.relispopulated IS TRUE
            AND t.first_day <= p_last AND t.before_day > p_first
            AND NOT COALESCE(bool_or(m.day = '-infinity' OR t.tier = 'whole'), FALSE) AS readable,
            COALESCE(array_agg(DISTINCT m.day) FILTER (WHERE m.day > '-infinity'), '{}') AS days,
            p_base OR COALESCE(bool_or(m.source IS NOT NULL AND m.drain_id IS NULL), FALSE) AS undrained
        FROM unnest(p_views) WITH ORDINALITY v (view, position)
        JOIN frontview.view_state t ON t.view = v.view
        LEFT JOIN pg_class c ON c.oid = to_regclass(t.relation)
        LEFT JOIN mark m
            ON t.tier <> 'total' AND m.source = ANY (t.sources)
            AND (m.drain_id IS NULL OR m.drain_id > t.through)
            AND (
                m.day = '-infinity'
                OR (m.day BETWEEN p_first AND p_last AND m.day >= t.first_day AND (t.before_day = 'infinity' OR m.day < t.before_day))
            )
        GROUP BY v.position, t.view, t.tier, t.first_day, t.before_day, t.through, t.sources, c.oid, c.relispopulated
    ), merged AS (
        SELECT
            position, view,
            max(first_day) FILTER (WHERE tier = 'recent') AS horizon,
            COALESCE(bool_or(readable) FILTER (WHERE tier = 'history'), FALSE) AS history_readable,
            COALESCE(bool_or(readable) FILTER (WHERE tier IN ('recent', 'whole')), FALSE) AS recent_readable,
            COALESCE(bool_and(readable) FILTER (WHERE tier <> 'whole'), FALSE) AS total_readable,
            COALESCE(max(days) FILTER (WHERE tier = 'history' AND readable), '{}')
            || COALESCE(max(days) FILTER (WHERE tier = 'recent' AND readable), '{}') AS days,
            bool_or(undrained) AS undrained
        FROM tier GROUP BY position, view
    )
    SELECT
        array_agg(
            ROW (view, horizon, history_readable, recent_readable, total_readable, days)::frontview.staleness ORDER BY position
        ),
        bool_or(undrained),
        p_tables::oid[] || (SELECT array_agg(relation) FILTER (WHERE relation IS NOT NULL) FROM tier)
        || ARRAY(SELECT s.relation::oid FROM frontview.source s WHERE s.source IN (SELECT unnest(sources) FROM tier))
    INTO state.views, state.undrained, state.storage
    FROM merged;

    IF cardinality(state.views) IS DISTINCT FROM cardinality(p_views) THEN
        RAISE EXCEPTION 'a maintained view of % is not registered', p_views USING ERRCODE = 'undefined_table';
    END IF;
    RETURN state;
END
$$
