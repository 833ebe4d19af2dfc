-- dashboard_agents, version 1: a user's agents with their sums over some days, as JSON text
-- one frontview.answer; body NULL when there is no such user
-- views: by_hand_call_daily, by_hand_lead_daily, by_hand_agent_quality_daily; base tables: users, agents (by key)
-- durations and talk time in seconds, costs in cents
-- change: first version
CREATE FUNCTION by_hand.dashboard_agents(
    p_user frontview.user_key, p_from date, p_to date, p_series text, p_base boolean
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
    IF p_series <> 'calls' THEN
        RAISE EXCEPTION 'there is no series "%"', p_series USING ERRCODE = 'FV002', COLUMN = 'series';
    END IF;
    SELECT * INTO days FROM by_hand.date_range(p_user, p_from, p_to);
    state := frontview.begin_read(
        p_user, '{by_hand_call_daily,by_hand_lead_daily,by_hand_agent_quality_daily}',
        days.first_day, days.last_day, p_base
    );
    IF days.first_day IS NOT NULL AND p_series IS NULL THEN
        SELECT row_to_json(r)::text INTO body FROM (
            SELECT ARRAY(
                SELECT m FROM by_hand.agent_measures(p_user, NULL, days.first_day, days.last_day, state.views) m
            ) AS agents
        ) r;
    ELSIF days.first_day IS NOT NULL THEN
        SELECT row_to_json(r)::text INTO body FROM (
            SELECT ARRAY(
                SELECT s FROM by_hand.agent_series(p_user, NULL, days.first_day, days.last_day, state.views, TRUE) s
            ) AS agents
        ) r;
    END IF;
    RETURN frontview.end_read(state, body, days.first_day, days.last_day, days.valid_until);
END
$$
