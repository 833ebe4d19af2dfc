-- {{name}}_total_merged, version 1: exact sums of one user's measures over all days, at a cost that ignores history
-- one row: the total of the history tier, less its stale days, plus the recent tier's clean days, plus live stale days
-- reads {{name}}_total, {{name}}_history, {{name}}_recent, {{name}}_live; p_stale must cover all days
-- sums are of integers or numerics, so that subtracting is exact; sums over nothing are 0
-- change: first version
CREATE FUNCTION frontview.{{name}}_total_merged(
    p_user frontview.user_key, p_stale frontview.staleness
) RETURNS TABLE ({{measure_columns}})
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF p_stale.total_readable THEN
        -- each part is summed in its own types first: adding numerics row by row costs three times as much
        RETURN QUERY SELECT {{sums}} FROM (
            SELECT {{measures}} FROM frontview.{{name}}_total v WHERE v.{{user}} = p_user
            UNION ALL
            SELECT {{negated_sums}} FROM frontview.{{name}}_history v
            WHERE v.{{user}} = p_user AND v.{{day}} = ANY (p_stale.days)
            UNION ALL
            SELECT {{part_sums}} FROM frontview.{{name}}_recent v
            WHERE v.{{user}} = p_user AND v.{{day}} <> ALL (p_stale.days)
            UNION ALL
            SELECT {{part_sums}} FROM frontview.{{name}}_live v
            WHERE v.{{user}} = p_user AND v.{{day}} = ANY (p_stale.days)
        ) v ({{measure_names}});
    ELSE
        RETURN QUERY SELECT {{sums}}
        FROM frontview.{{name}}_merged(p_user, '-infinity', 'infinity', p_stale) v;
    END IF;
END
$$
