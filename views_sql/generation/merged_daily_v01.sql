-- {{name}}_merged, version 1: returns the exact rows of one user: view rows on clean days, live rows on stale ones
-- one row a unique key of {{name}}; p_stale comes from begin_read under the same snapshot, and may hold more days
-- reads {{name}}_archive, {{name}}_recent, {{name}}_live; the live patch names its days, because PostgreSQL 15
-- preferred a range and read it whole. Branches, because a plan that names an unpopulated materialized view fails
-- change: first version
CREATE FUNCTION frontview.{{name}}_merged(
    p_user frontview.user_key, p_first date, p_last date, p_stale frontview.staleness
) RETURNS SETOF frontview.{{name}}_live
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    patched date[];
BEGIN
    IF p_first < p_stale.sealed_before THEN
        RETURN QUERY SELECT v.*, NULL::boolean FROM frontview.{{name}}_archive v
        WHERE v.{{user}} = p_user AND v.{{day}} BETWEEN p_first AND LEAST(p_last, p_stale.sealed_before - 1);
        IF p_last < p_stale.sealed_before THEN
            RETURN;
        END IF;
        p_first := p_stale.sealed_before;
    END IF;
    IF NOT (p_stale.archive_readable OR p_stale.recent_readable) THEN
        RETURN QUERY SELECT v.* FROM {{live_in_range}};
        RETURN;
    END IF;
    IF p_first < p_stale.horizon THEN
        IF p_stale.archive_readable THEN
            RETURN QUERY SELECT v.*, NULL::boolean FROM frontview.{{name}}_archive v
            WHERE v.{{user}} = p_user AND v.{{day}} BETWEEN p_first AND p_last AND v.{{day}} <> ALL (p_stale.days);
        ELSE
            RETURN QUERY SELECT v.* FROM {{live_before_horizon}};
        END IF;
    END IF;
    IF p_last >= p_stale.horizon THEN
        IF p_stale.recent_readable THEN
            RETURN QUERY SELECT v.* FROM frontview.{{name}}_recent v
            WHERE v.{{user}} = p_user AND v.{{day}} BETWEEN p_first AND p_last AND v.{{day}} <> ALL (p_stale.days);
        ELSE
            RETURN QUERY SELECT v.* FROM {{live_since_horizon}};
        END IF;
    END IF;
    IF p_stale.days <> '{}' THEN
        patched := ARRAY(SELECT s FROM unnest(p_stale.days) s WHERE s BETWEEN p_first AND p_last);
        RETURN QUERY SELECT v.* FROM {{live_on_patched_days}};
    END IF;
END
$$
