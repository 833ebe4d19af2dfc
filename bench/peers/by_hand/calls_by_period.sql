-- calls_by_period, version 1: calls of one user by period, as JSON text: dashboard_analytics without leads
-- one frontview.answer
-- view: by_hand_call_daily
-- change: first version
CREATE FUNCTION by_hand.calls_by_period(
    p_user frontview.user_key, p_from date, p_to date, p_granularity text, p_agent_id bigint, p_base boolean
) RETURNS frontview.answer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    days record;
    state frontview.read_state;
    body text;
BEGIN
    SELECT * INTO days FROM by_hand.date_range(p_user, p_from, p_to);
    state := frontview.begin_read(p_user, '{by_hand_call_daily}', days.first_day, days.last_day, p_base);
    WITH measured AS (
        SELECT
            c.day, c.calls, c.completed, c.failed, c.no_answer, c.busy, c.in_progress, c.duration_seconds, c.cost_cents
        FROM frontview.by_hand_call_daily_merged(p_user, days.first_day, days.last_day, state.views[1]) c
        WHERE p_agent_id IS NULL OR c.agent_id = p_agent_id
        UNION ALL
        SELECT days.first_day + n, 0, 0, 0, 0, 0, 0, 0, 0
        FROM generate_series(0, days.last_day - days.first_day) n
    ), period AS MATERIALIZED (
        SELECT
            GREATEST(date_trunc(p_granularity, m.day::timestamp)::date, days.first_day) AS period,
            sum(m.calls) AS calls, sum(m.completed) AS completed, sum(m.failed) AS failed,
            sum(m.no_answer) AS no_answer, sum(m.busy) AS busy, sum(m.in_progress) AS in_progress,
            sum(m.duration_seconds) AS duration_seconds, sum(m.cost_cents) AS cost_cents
        FROM measured m GROUP BY 1
    )
    SELECT row_to_json(analytics)::text INTO body FROM (
        SELECT
            days.first_day AS "from", days.last_day AS "to", p_granularity AS granularity,
            ARRAY(SELECT p FROM period p ORDER BY p.period) AS rows,
            (SELECT row_to_json(t) FROM (
                SELECT
                    sum(p.calls) AS calls, sum(p.completed) AS completed, sum(p.failed) AS failed,
                    sum(p.no_answer) AS no_answer, sum(p.busy) AS busy, sum(p.in_progress) AS in_progress,
                    sum(p.duration_seconds) AS duration_seconds, sum(p.cost_cents) AS cost_cents
                FROM period p
            ) t) AS totals,
            FALSE AS truncated
    ) analytics;
    RETURN frontview.end_read(state, body, days.first_day, days.last_day, days.valid_until);
END
$$
