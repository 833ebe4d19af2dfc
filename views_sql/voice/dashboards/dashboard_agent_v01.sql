-- dashboard_agent, version 1: one agent of a user with its sums over some days and day by day, as JSON text
-- one frontview.answer; body NULL when there is no such user, or no such agent of that user
-- views: call_daily, lead_daily, agent_quality_daily; base tables: users, agents (by key)
-- durations and talk time in seconds, costs in cents
-- change: first version
CREATE FUNCTION frontview.dashboard_agent(
    p_user frontview.user_key, p_agent_id bigint, p_from date, p_to date, p_base boolean
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
    SELECT * INTO days FROM frontview.date_range(p_user, p_from, p_to);
    state := frontview.begin_read(
        p_user, '{call_daily,lead_daily,agent_quality_daily}',
        days.first_day, days.last_day, p_base
    );
    IF days.first_day IS NOT NULL THEN
        SELECT row_to_json(r)::text INTO body FROM (
            SELECT m.*, ARRAY(
                SELECT d FROM (
                    SELECT
                        g.day, COALESCE(c.calls, 0) AS calls, COALESCE(c.completed, 0) AS completed,
                        COALESCE(c.duration_seconds, 0) AS duration_seconds, COALESCE(c.cost_cents, 0) AS cost_cents,
                        COALESCE(l.leads, 0) AS leads, COALESCE(l.converted, 0) AS converted
                    FROM (
                        SELECT days.first_day + n AS day FROM generate_series(0, days.last_day - days.first_day) n
                    ) g
                    LEFT JOIN frontview.call_daily_merged(p_user, days.first_day, days.last_day, state.views[1]) c
                        ON c.day = g.day AND c.agent_id = p_agent_id
                    LEFT JOIN frontview.lead_daily_merged(p_user, days.first_day, days.last_day, state.views[2]) l
                        ON l.day = g.day AND l.agent_id = p_agent_id
                    ORDER BY g.day
                ) d
            ) AS daily
            FROM frontview.agent_measures(p_user, p_agent_id, days.first_day, days.last_day, state.views) m
        ) r;
    END IF;
    RETURN frontview.end_read(state, body, days.first_day, days.last_day, days.valid_until);
END
$$
