-- recent_calls, version 1: a user's ten newest calls as a JSON array, newest first
-- one json value, [] when there are none; agent_name NULL where the agent is another user's
-- base tables: calls, agents; by index on (user_id, local_day), which follows started_at to within a day
-- durations in seconds, costs in cents
-- change: first version
CREATE FUNCTION by_hand.recent_calls(p_user frontview.user_key) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    since date := (
        SELECT min(n.local_day) FROM (
            SELECT c.local_day FROM public.calls c
            WHERE c.user_id = p_user ORDER BY c.local_day DESC LIMIT 10
        ) n
    );
BEGIN
    -- Where clocks are set back at midnight, an hour of later calls is on the previous day. The first day has none.
    IF since > '4714-11-24 BC' THEN
        since := since - 1;
    END IF;
    RETURN to_json(ARRAY(
        SELECT r FROM (
            SELECT
                c.id AS call_id, c.agent_id,
                (SELECT a.name FROM public.agents a WHERE a.id = c.agent_id AND a.user_id = p_user) AS agent_name,
                c.started_at, c.status, c.duration_seconds, c.cost_cents
            FROM (
                SELECT n.* FROM public.calls n
                WHERE n.user_id = p_user AND n.local_day >= since
                ORDER BY n.started_at DESC, n.id DESC LIMIT 10
            ) c
        ) r
    ));
END
$$
