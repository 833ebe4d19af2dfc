-- begin_read, version 1: the state of an exact read: watermark and stale days, under the caller's snapshot
-- one row; STABLE, so that it reads with the snapshot of the statement that calls the dashboard
-- reads drain, change_log, stale_key, view_state, source; p_base: every day stale (the base-tables read)
-- days outside p_first..p_last are left out; storage holds every captured table, so that direct reads count too
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
    tier record;
    state frontview.read_state;
    stale frontview.staleness;
    unseen xid8;
    open_then xid8[];
    mark_sources text[];
    mark_days date[];
    mark_drains bigint[];
    readable boolean;
    tier_days date[];
BEGIN
    state.storage := ARRAY(SELECT s.relation::oid FROM frontview.source s);
    state.undrained := p_base;
    SELECT d.epoch, d.drain_id, d.snapshot, d.system_identifier INTO newest
    FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1;
    state.epoch := COALESCE(newest.epoch, 0);
    state.drain_id := COALESCE(newest.drain_id, 0);
    -- no drain yet, or restored into another cluster, where saved snapshots say nothing: only base tables are right
    IF newest.system_identifier IS DISTINCT FROM (SELECT c.system_identifier FROM pg_control_system() c) THEN
        p_base := TRUE;
        state.undrained := TRUE;
    END IF;

    IF NOT p_base THEN
        unseen := pg_snapshot_xmax(newest.snapshot);
        open_then := ARRAY(SELECT pg_snapshot_xip(newest.snapshot));
        SELECT array_agg(m.source), array_agg(m.day), array_agg(m.drain_id)
        INTO mark_sources, mark_days, mark_drains
        FROM (
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
        ) m;
        -- of any source: the caller may read tables directly that no view of its names
        state.undrained := mark_drains IS NOT NULL AND array_position(mark_drains, NULL) IS NOT NULL;
    END IF;

    FOR tier IN
        SELECT
            t.view, t.tier, t.first_day, t.before_day, t.through, t.sources, c.oid AS relation, c.relispopulated
        FROM frontview.view_state t LEFT JOIN pg_class c ON c.oid = to_regclass(t.relation)
        WHERE t.view = ANY (p_views)
        ORDER BY array_position(p_views, t.view), t.tier
    LOOP
        IF stale.view IS DISTINCT FROM tier.view THEN
            IF stale.view IS NOT NULL THEN
                state.views := state.views || stale;
            END IF;
            stale := ROW (tier.view, NULL, FALSE, FALSE, FALSE, '{}');
        END IF;
        state.storage := state.storage || tier.relation;
        readable := NOT p_base AND tier.through IS NOT NULL AND tier.relispopulated IS TRUE
            AND tier.first_day <= p_last AND tier.before_day > p_first;
        IF readable AND tier.sources && mark_sources AND tier.tier NOT IN ('by_day', 'total') THEN
            SELECT
                COALESCE(bool_and(m.day > '-infinity' AND tier.tier <> 'whole'), TRUE),
                COALESCE(array_agg(DISTINCT m.day), '{}')
            INTO readable, tier_days
            FROM unnest(mark_sources, mark_days, mark_drains) m (source, day, drain_id)
            WHERE m.source = ANY (tier.sources)
            AND (m.drain_id IS NULL OR m.drain_id > tier.through)
            AND (
                m.day = '-infinity'
                OR (
                    m.day BETWEEN p_first AND p_last AND m.day >= tier.first_day
                    AND (tier.before_day = 'infinity' OR m.day < tier.before_day)
                )
            );
            IF readable THEN
                stale.days := stale.days || tier_days;
            END IF;
        END IF;
        -- in this order: by_day, history, recent, total
        CASE tier.tier
            WHEN 'by_day' THEN
                stale.total_readable := readable;
            WHEN 'history' THEN
                stale.history_readable := readable;
            WHEN 'recent' THEN
                stale.recent_readable := readable;
                stale.horizon := tier.first_day;
            WHEN 'total' THEN
                stale.total_readable := stale.total_readable AND readable
                    AND stale.history_readable AND stale.recent_readable;
            ELSE
                stale.recent_readable := readable;
        END CASE;
    END LOOP;
    IF stale.view IS NOT NULL THEN
        state.views := state.views || stale;
    END IF;
    IF cardinality(state.views) IS DISTINCT FROM cardinality(p_views) THEN
        RAISE EXCEPTION 'a maintained view of % is not registered', p_views USING ERRCODE = 'undefined_table';
    END IF;
    RETURN state;
END
$$
