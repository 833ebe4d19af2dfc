-- {{name}}_merged, version 1: returns the exact rows of one user: from the view when they are clean, else live
-- one row a unique key of {{name}}; p_stale comes from begin_read under the same snapshot
-- reads {{name}}_whole, {{name}}_live
-- branches, because a plan that merely names an unpopulated materialized view fails
-- change: first version
CREATE FUNCTION frontview.{{name}}_merged(
    p_user frontview.user_key, p_stale frontview.staleness
) RETURNS SETOF frontview.{{name}}_live
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
BEGIN
    IF p_stale.recent_readable THEN
        RETURN QUERY SELECT v.* FROM frontview.{{name}}_whole v WHERE v.{{user}} = p_user;
    ELSE
        RETURN QUERY SELECT v.* FROM frontview.{{name}}_live v WHERE v.{{user}} = p_user;
    END IF;
END
$$
