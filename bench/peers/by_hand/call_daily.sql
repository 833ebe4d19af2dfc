-- by_hand_call_daily, version 1
-- one row a user, local day and agent; unique key (user_id, day, agent_id)
-- base tables: calls
-- durations in seconds, costs in cents
-- change: first version
SELECT
    c.user_id,
    c.local_day AS day,
    c.agent_id,
    count(*) AS calls,
    count(*) FILTER (WHERE c.status = 'completed') AS completed,
    count(*) FILTER (WHERE c.status = 'failed') AS failed,
    count(*) FILTER (WHERE c.status = 'no_answer') AS no_answer,
    count(*) FILTER (WHERE c.status = 'busy') AS busy,
    count(*) FILTER (WHERE c.status = 'in_progress') AS in_progress,
    sum(c.duration_seconds) AS duration_seconds,
    sum(c.cost_cents) AS cost_cents
FROM public.calls c
GROUP BY c.user_id, c.local_day, c.agent_id
