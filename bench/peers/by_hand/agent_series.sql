-- agent_series, version 1: a user's agents with their sums over some days and, if p_daily, their calls day by day
-- one row an agent of the user (p_agent_id: only that one), ordered by agent_id; an agent without calls has zeros
-- merged reads of by_hand_call_daily (once), by_hand_lead_daily, by_hand_agent_quality_daily, in this order in p_views; base table: agents
-- csat: average satisfaction, NULL without answers; daily_calls: a number a day, first day first; NULL unless p_daily
-- change: first version
CREATE FUNCTION by_hand.agent_series(
    p_user frontview.user_key, p_agent_id bigint, p_first date, p_last date, p_views frontview.staleness [],
    p_daily boolean
) RETURNS TABLE (
    agent_id bigint, name text, is_active boolean, calls numeric, completed numeric, duration_seconds numeric,
    cost_cents numeric, leads numeric, converted numeric, csat numeric, talk_seconds numeric, transfers numeric,
    daily_calls numeric []
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH called AS MATERIALIZED (
        SELECT c.agent_id AS id, c.day, c.calls, c.completed, c.duration_seconds, c.cost_cents
        FROM frontview.by_hand_call_daily_merged(p_user, p_first, p_last, p_views[1]) c
    ), measured AS (
        SELECT
            c.id, c.calls, c.completed, c.duration_seconds, c.cost_cents, 0 AS leads, 0 AS converted,
            0 AS csat_points, 0 AS csat_answers, 0 AS talk_seconds, 0 AS transfers
        FROM called c
        UNION ALL
        SELECT l.agent_id, 0, 0, 0, 0, l.leads, l.converted, 0, 0, 0, 0
        FROM frontview.by_hand_lead_daily_merged(p_user, p_first, p_last, p_views[2]) l
        UNION ALL
        SELECT q.agent_id, 0, 0, 0, 0, 0, 0, q.csat_points, q.csat_answers, q.talk_seconds, q.transfers
        FROM frontview.by_hand_agent_quality_daily_merged(p_user, p_first, p_last, p_views[3]) q
    ), summed AS (
        SELECT
            a.id, a.name, a.is_active, COALESCE(sum(m.calls), 0), COALESCE(sum(m.completed), 0),
            COALESCE(sum(m.duration_seconds), 0), COALESCE(sum(m.cost_cents), 0), COALESCE(sum(m.leads), 0),
            COALESCE(sum(m.converted), 0), trim_scale(round(sum(m.csat_points) / NULLIF(sum(m.csat_answers), 0), 2)),
            COALESCE(sum(m.talk_seconds), 0), COALESCE(sum(m.transfers), 0)
        FROM public.agents a LEFT JOIN measured m ON m.id = a.id
        WHERE a.user_id = p_user AND (p_agent_id IS NULL OR a.id = p_agent_id)
        GROUP BY a.id
    ), daily AS (
        -- Every day is there; a day without calls has a zero. Days are added up, not joined: no wrong estimate of the
        -- planner can make that quadratic.
        SELECT z.id, array_agg(z.calls ORDER BY z.day) AS calls_by_day
        FROM (
            SELECT u.id, u.day, sum(u.calls) AS calls
            FROM (
                SELECT c.id, c.day, c.calls FROM called c WHERE p_daily
                UNION ALL
                SELECT a.id, p_first + n, 0 FROM public.agents a, generate_series(0, p_last - p_first) n
                WHERE p_daily AND a.user_id = p_user AND (p_agent_id IS NULL OR a.id = p_agent_id)
            ) u
            GROUP BY u.id, u.day
        ) z
        GROUP BY z.id
    )
    SELECT s.*, d.calls_by_day
    FROM summed s LEFT JOIN daily d ON d.id = s.id
    ORDER BY s.id;
END
$$
