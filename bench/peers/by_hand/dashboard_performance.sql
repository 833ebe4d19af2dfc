-- dashboard_performance, version 1: a user's rates over some days and over the equally long earlier period, as JSON
-- one frontview.answer; body NULL when there is no such user; its first_day is that of the earlier period
-- views: by_hand_call_daily, by_hand_lead_daily, by_hand_agent_quality_daily; base table: users (one row, by key)
-- change: (current - previous) / previous, NULL where it is not defined
-- change: first version
CREATE FUNCTION by_hand.dashboard_performance(p_user frontview.user_key, p_from date, p_to date, p_base boolean)
RETURNS frontview.answer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    days record;
    before_first date;
    state frontview.read_state;
    body text;
BEGIN
    SELECT * INTO days FROM by_hand.date_range(p_user, p_from, p_to);
    before_first := days.first_day - (days.last_day - days.first_day + 1);
    state := frontview.begin_read(
        p_user, '{by_hand_call_daily,by_hand_lead_daily,by_hand_agent_quality_daily}',
        before_first, days.last_day, p_base
    );
    IF days.first_day IS NOT NULL THEN
        WITH n AS MATERIALIZED (
            SELECT days.first_day AS "from", days.last_day AS "to", m.*
            FROM by_hand.performance_measures(p_user, days.first_day, days.last_day, state.views) m
        ), b AS MATERIALIZED (
            SELECT before_first AS "from", days.first_day - 1 AS "to", m.*
            FROM by_hand.performance_measures(p_user, before_first, days.first_day - 1, state.views) m
        ), change AS (
            SELECT
                by_hand.change_ratio(n.calls, b.calls) AS calls,
                by_hand.change_ratio(n.success_rate, b.success_rate) AS success_rate,
                by_hand.change_ratio(n.conversion_rate, b.conversion_rate) AS conversion_rate,
                by_hand.change_ratio(n.average_duration_seconds, b.average_duration_seconds)
                    AS average_duration_seconds,
                by_hand.change_ratio(n.cost_per_converted_lead_cents, b.cost_per_converted_lead_cents)
                    AS cost_per_converted_lead_cents,
                by_hand.change_ratio(n.csat, b.csat) AS csat
            FROM n CROSS JOIN b
        )
        SELECT row_to_json(r)::text INTO body FROM (
            SELECT
                (SELECT row_to_json(n) FROM n) AS current,
                (SELECT row_to_json(b) FROM b) AS previous,
                (SELECT row_to_json(c) FROM change c) AS change
        ) r;
    END IF;
    RETURN frontview.end_read(state, body, before_first, days.last_day, days.valid_until);
END
$$
