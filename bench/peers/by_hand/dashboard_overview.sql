-- dashboard_overview, version 1: the overview of one user as JSON text
-- one frontview.answer; body NULL when there is no such user; p_base: from base tables only
-- views: by_hand_account_summary, by_hand_call_daily, by_hand_lead_daily; the ten newest calls are read from calls by index
-- durations in seconds, money in cents; days in the user's time zone
-- change: first version
CREATE FUNCTION by_hand.dashboard_overview(p_user frontview.user_key, p_base boolean)
RETURNS frontview.answer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    state frontview.read_state := frontview.begin_read(
        p_user, '{by_hand_account_summary,by_hand_call_daily,by_hand_lead_daily}',
        '-infinity', 'infinity', p_base
    );
    account frontview.by_hand_account_summary_live;
    today date;
    body text;
BEGIN
    SELECT * INTO account FROM frontview.by_hand_account_summary_merged(p_user, state.views[1]);
    IF NOT FOUND THEN
        RETURN frontview.end_read(state, NULL, NULL, NULL, NULL);
    END IF;
    today := (now() AT TIME ZONE account.timezone)::date;

    WITH call_day AS MATERIALIZED (
        SELECT c.* FROM frontview.by_hand_call_daily_by_day_merged(p_user, today - 29, state.views[2]) c
    ), lead_day AS MATERIALIZED (
        SELECT l.* FROM frontview.by_hand_lead_daily_by_day_merged(p_user, today - 29, state.views[3]) l
    ), call_sum AS MATERIALIZED (
        SELECT
            p.days, COALESCE(sum(c.calls), 0) AS calls, COALESCE(sum(c.completed), 0) AS completed,
            COALESCE(sum(c.failed), 0) AS failed, COALESCE(sum(c.no_answer), 0) AS no_answer,
            COALESCE(sum(c.busy), 0) AS busy, COALESCE(sum(c.in_progress), 0) AS in_progress,
            COALESCE(sum(c.duration_seconds), 0) AS duration_seconds, COALESCE(sum(c.cost_cents), 0) AS cost_cents
        -- 0 days stands for all time, which includes the row of earlier days and future days.
        FROM (VALUES (1), (7), (30), (0)) p (days)
        LEFT JOIN call_day c ON p.days = 0 OR (c.day > today - p.days AND c.day <= today)
        GROUP BY p.days
    ), lead_sum AS MATERIALIZED (
        SELECT
            p.days, COALESCE(sum(l.leads), 0) AS leads, COALESCE(sum(l.qualified), 0) AS qualified,
            COALESCE(sum(l.converted), 0) AS converted,
            trim_scale(round(sum(l.score_points) / NULLIF(sum(l.leads), 0), 2)) AS average_score
        FROM (VALUES (1), (7), (30), (0)) p (days)
        LEFT JOIN lead_day l ON p.days = 0 OR (l.day > today - p.days AND l.day <= today)
        GROUP BY p.days
    ), call_json AS MATERIALIZED (
        SELECT s.days, row_to_json((SELECT r FROM (
            SELECT
                s.calls, s.completed, s.failed, s.no_answer, s.busy, s.in_progress, s.duration_seconds, s.cost_cents
        ) r)) AS sums FROM call_sum s
    ), lead_json AS MATERIALIZED (
        SELECT s.days, row_to_json((SELECT r FROM (
            SELECT s.leads, s.qualified, s.converted, s.average_score
        ) r)) AS sums FROM lead_sum s
    )
    SELECT row_to_json(overview)::text INTO body FROM (
        SELECT
            p_user AS user_id,
            account.timezone AS timezone,
            today AS today,
            account.credits_cents AS credits_cents,
            (SELECT row_to_json(a) FROM (
                SELECT account.agents_total AS total, account.agents_active AS active
            ) a) AS agents,
            (SELECT row_to_json(c) FROM (
                SELECT
                    (SELECT j.sums FROM call_json j WHERE j.days = 1) AS today,
                    (SELECT j.sums FROM call_json j WHERE j.days = 7) AS last_7_days,
                    (SELECT j.sums FROM call_json j WHERE j.days = 30) AS last_30_days,
                    (SELECT j.sums FROM call_json j WHERE j.days = 0) AS all_time
            ) c) AS calls,
            (SELECT row_to_json(l) FROM (
                SELECT
                    (SELECT j.sums FROM lead_json j WHERE j.days = 1) AS today,
                    (SELECT j.sums FROM lead_json j WHERE j.days = 7) AS last_7_days,
                    (SELECT j.sums FROM lead_json j WHERE j.days = 30) AS last_30_days,
                    (SELECT j.sums FROM lead_json j WHERE j.days = 0) AS all_time
            ) l) AS leads,
            ARRAY(
                SELECT d FROM (
                    SELECT
                        g.day, COALESCE(c.calls, 0) AS calls, COALESCE(c.completed, 0) AS completed,
                        COALESCE(c.duration_seconds, 0) AS duration_seconds, COALESCE(c.cost_cents, 0) AS cost_cents,
                        COALESCE(l.leads, 0) AS leads
                    FROM (SELECT today - n AS day FROM generate_series(0, 29) n) g
                    LEFT JOIN call_day c ON c.day = g.day
                    LEFT JOIN lead_day l ON l.day = g.day
                    ORDER BY g.day
                ) d
            ) AS daily,
            by_hand.recent_calls(p_user) AS recent_calls
    ) overview;

    RETURN frontview.end_read(
        state, body, '-infinity', 'infinity', frontview.end_of_day(now(), account.timezone)
    );
END
$$
