-- {{name}}_by_day_merged, version 1: returns the exact sums of one user's measures by day from p_since on
-- day NULL: rows (where NULL counts as 0) that together are the sum of all earlier days, at a cost that does not grow
-- with history: its total, minus its stale days and those from p_since on, plus stale days live
-- reads {{name}}_total, {{name}}_archive, {{name}}_by_day, {{name}}_live; p_stale must cover all days
-- sums are of integers or numerics, so that subtracting is exact
-- change: first version
CREATE FUNCTION frontview.{{name}}_by_day_merged(
    p_user frontview.user_key, p_since date, p_stale frontview.staleness
) RETURNS TABLE (day date, {{measure_columns}})
LANGUAGE plpgsql STABLE ROWS 40 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
BEGIN
    IF p_stale.total_readable THEN
        IF p_stale.days = '{}' AND p_since >= p_stale.horizon THEN
            RETURN QUERY
            SELECT NULL::date, {{measures}} FROM frontview.{{name}}_total v WHERE v.{{user}} = p_user
            UNION ALL
            SELECT CASE WHEN v.{{day}} >= p_since THEN v.{{day}} END, {{measures}} FROM frontview.{{name}}_by_day v
            WHERE v.{{user}} = p_user;
            RETURN;
        END IF;
        -- Nothing can be subtracted from a sum that is NaN or infinite.
        IF NOT EXISTS (
            SELECT FROM frontview.{{name}}_total v
            WHERE v.{{user}} = p_user AND {{sum_of_measures}} IN ('NaN', 'Infinity', '-Infinity')
        ) THEN
            RETURN QUERY
            SELECT NULL::date, {{measures}} FROM frontview.{{name}}_total v WHERE v.{{user}} = p_user
            UNION ALL
            SELECT NULL, {{negated_sums}} FROM frontview.{{name}}_archive v
            WHERE v.{{user}} = p_user AND v.{{day}} = ANY (p_stale.days)
            UNION ALL
            SELECT NULL, {{negated_sums}} FROM frontview.{{name}}_archive v
            WHERE p_since < p_stale.horizon
            AND v.{{user}} = p_user AND v.{{day}} >= p_since AND v.{{day}} <> ALL (p_stale.days)
            UNION ALL
            SELECT v.{{day}}, {{part_sums}} FROM frontview.{{name}}_archive v
            WHERE p_since < p_stale.horizon
            AND v.{{user}} = p_user AND v.{{day}} >= p_since AND v.{{day}} <> ALL (p_stale.days)
            GROUP BY v.{{day}}
            UNION ALL
            SELECT CASE WHEN v.{{day}} >= p_since THEN v.{{day}} END, {{measures}} FROM frontview.{{name}}_by_day v
            WHERE v.{{user}} = p_user AND v.{{day}} <> ALL (p_stale.days)
            UNION ALL
            SELECT CASE WHEN v.{{day}} >= p_since THEN v.{{day}} END AS since, {{part_sums}}
            FROM {{live_on_stale_days}} GROUP BY since;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT CASE WHEN v.{{day}} >= p_since THEN v.{{day}} END AS since, {{part_sums}}
    FROM frontview.{{name}}_merged(p_user, '-infinity', 'infinity', p_stale) v GROUP BY since;
END
$$
