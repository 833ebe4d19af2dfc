-- agent_measures, version 1: a user's agents with their sums over some days
-- one row an agent of the user (p_agent_id: only that one), ordered by agent_id; an agent without calls has zeros
-- merged reads of by_hand_call_daily, by_hand_lead_daily, by_hand_agent_quality_daily, in this order in p_views; base table: agents
-- csat: average satisfaction, NULL without answers
-- change: first version
CREATE FUNCTION by_hand.agent_measures(
    p_user frontview.user_key, p_agent_id bigint, p_first date, p_last date, p_views frontview.staleness []
) RETURNS TABLE (
    agent_id bigint, name text, is_active boolean, calls numeric, completed numeric, duration_seconds numeric,
    cost_cents numeric, leads numeric, converted numeric, csat numeric, talk_seconds numeric, transfers numeric
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        s.agent_id, s.name, s.is_active, s.calls, s.completed, s.duration_seconds, s.cost_cents, s.leads, s.converted,
        s.csat, s.talk_seconds, s.transfers
    FROM by_hand.agent_series(p_user, p_agent_id, p_first, p_last, p_views, FALSE) s;
END
$$
