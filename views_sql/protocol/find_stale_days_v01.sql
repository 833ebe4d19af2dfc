-- find_stale_days, version 1: returns the state of an exact read when something is stale, not populated or not noted
-- one row; begin_read calls it with the watermark and the marks of the user and of every user
-- reads view_state, source, pg_class; p_base: every day is stale that is not sealed: no tier holds a sealed day
-- leaves out days outside p_first..p_last; storage holds every captured table, so that direct reads are checked too
-- change: first version
CREATE FUNCTION frontview.find_stale_days(
    p_views text [], p_first date, p_last date, p_base boolean, p_epoch bigint, p_drain_id bigint,
    p_marks frontview.mark []
) RETURNS frontview.read_state
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    tier record;
    state frontview.read_state;
    stale frontview.staleness;
    marked_sources text[];
    any_undrained boolean;
    readable boolean;
    tier_days date[];
    dated boolean;
BEGIN
    SELECT array_agg(DISTINCT m.source), bool_or(m.drain_id IS NULL) INTO marked_sources, any_undrained
    FROM unnest(p_marks) m;
    state.epoch := COALESCE(p_epoch, 0);
    state.drain_id := COALESCE(p_drain_id, 0);
    -- Sources that no view names count too, because the caller may read their tables directly.
    state.undrained := p_base OR COALESCE(any_undrained, FALSE);
    state.storage := ARRAY(SELECT s.relation::oid FROM frontview.source s);
    FOR tier IN
        SELECT
            t.view, t.tier, t.first_day, t.before_day, t.through, t.sources, c.oid AS relation, c.relispopulated
        FROM frontview.view_state t LEFT JOIN LATERAL (
            -- OFFSET forces one look-up by key for each tier; a join would read the whole catalog. By name under this
            -- snapshot: to_regclass would find the archive that took the place of this one meanwhile, whose sealed rows
            -- this snapshot does not see, and end_read would not notice.
            SELECT r.oid, r.relispopulated FROM pg_class r
            WHERE r.relname = split_part(t.relation, '.', 2)
            AND r.relnamespace = to_regnamespace(split_part(t.relation, '.', 1)) OFFSET 0
        ) c ON TRUE
        WHERE t.view = ANY (p_views)
        -- Whether sums are readable depends on the rows they sum, so the tiers of rows come first.
        ORDER BY
            array_position(p_views, t.view),
            array_position('{whole,archive,recent,total,by_day}'::text [], t.tier)
    LOOP
        IF stale.view IS DISTINCT FROM tier.view THEN
            IF stale.view IS NOT NULL THEN
                state.views := state.views || stale;
            END IF;
            stale := ROW (tier.view, NULL, FALSE, FALSE, FALSE, '{}', NULL);
        END IF;
        state.storage := state.storage || tier.relation;
        readable := NOT p_base AND tier.through IS NOT NULL AND tier.relispopulated IS TRUE
            AND tier.first_day <= p_last AND tier.before_day > p_first;
        IF readable AND tier.sources && marked_sources AND tier.tier NOT IN ('by_day', 'total') THEN
            SELECT
                COALESCE(bool_and(m.day > '-infinity' AND tier.tier <> 'whole'), TRUE),
                COALESCE(array_agg(DISTINCT m.day), '{}')
            INTO readable, tier_days
            FROM unnest(p_marks) m
            WHERE m.source = ANY (tier.sources)
            AND (m.drain_id IS NULL OR m.drain_id > tier.through)
            AND (m.day = '-infinity' OR m.day BETWEEN p_first AND p_last)
            AND frontview.tier_holds(tier.first_day, tier.before_day, m.day);
            IF readable THEN
                stale.days := stale.days || tier_days;
            END IF;
        END IF;
        CASE tier.tier
            WHEN 'archive' THEN
                stale.archive_readable := readable;
                stale.sealed_before := tier.first_day;
            WHEN 'recent' THEN
                stale.recent_readable := readable;
                stale.horizon := tier.first_day;
            WHEN 'total' THEN
                stale.total_readable := readable AND stale.archive_readable AND stale.recent_readable;
            WHEN 'by_day' THEN
                stale.total_readable := readable AND stale.total_readable;
            ELSE
                stale.recent_readable := readable;
        END CASE;
    END LOOP;
    IF stale.view IS NOT NULL THEN
        state.views := state.views || stale;
    END IF;
    IF COALESCE(cardinality(state.views), 0) IS DISTINCT FROM cardinality(p_views) THEN
        RAISE EXCEPTION 'a maintained view of % is not registered', p_views USING ERRCODE = 'undefined_table';
    END IF;
    -- Sealed days are never read from base tables.
    SELECT
        bool_or(v.archive_readable OR v.recent_readable OR p_first < v.sealed_before)
            FILTER (WHERE v.horizon IS NOT NULL),
        CASE
            WHEN bool_or(v.archive_readable OR v.recent_readable OR p_first < v.sealed_before)
                THEN 'materialized_view'
            ELSE 'database'
        END
    INTO dated, state.source
    FROM unnest(state.views) v;
    -- An answer whose days all came from base tables is not "from the view" because of rows without a day.
    IF NOT dated THEN
        state.source := 'database';
    END IF;
    state.patched_days := CASE WHEN state.source = 'database' THEN 0 ELSE (
        SELECT count(DISTINCT day) FROM unnest(state.views) v, unnest(v.days) day
    ) END;
    RETURN state;
END
$$
