-- performance_measures, version 1: rates and averages of one user over some days
-- one row; a rate without anything to divide by is NULL
-- merged reads of by_hand_call_daily, by_hand_lead_daily, by_hand_agent_quality_daily, in this order in p_views
-- rates from 0 to 1; cost in cents; csat is the average satisfaction
-- change: first version
CREATE FUNCTION by_hand.performance_measures(
    p_user frontview.user_key, p_first date, p_last date, p_views frontview.staleness []
) RETURNS TABLE (
    calls numeric, success_rate numeric, conversion_rate numeric, average_duration_seconds numeric,
    cost_per_converted_lead_cents numeric, csat numeric
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        c.calls,
        trim_scale(round(c.completed / NULLIF(c.calls, 0), 4)),
        trim_scale(round(l.converted / NULLIF(l.leads, 0), 4)),
        trim_scale(round(c.duration_seconds / NULLIF(c.calls, 0), 2)),
        trim_scale(round(c.cost_cents / NULLIF(l.converted, 0), 2)),
        trim_scale(round(q.points / NULLIF(q.answers, 0), 2))
    FROM (
        SELECT
            COALESCE(sum(m.calls), 0) AS calls, sum(m.completed) AS completed,
            sum(m.duration_seconds) AS duration_seconds, sum(m.cost_cents) AS cost_cents
        FROM frontview.by_hand_call_daily_merged(p_user, p_first, p_last, p_views[1]) m
    ) c CROSS JOIN (
        SELECT sum(m.leads) AS leads, sum(m.converted) AS converted
        FROM frontview.by_hand_lead_daily_merged(p_user, p_first, p_last, p_views[2]) m
    ) l CROSS JOIN (
        SELECT sum(m.csat_points) AS points, sum(m.csat_answers) AS answers
        FROM frontview.by_hand_agent_quality_daily_merged(p_user, p_first, p_last, p_views[3]) m
    ) q;
END
$$
