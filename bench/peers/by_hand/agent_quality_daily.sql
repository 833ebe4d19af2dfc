-- by_hand_agent_quality_daily, version 1
-- one row a user, day and agent; unique key (user_id, day, agent_id)
-- base tables: agent_analytics
-- csat_points: sum of satisfaction scores over csat_answers answers; talk time in seconds
-- change: first version
SELECT
    q.user_id,
    q.day,
    q.agent_id,
    sum(q.csat_points) AS csat_points,
    sum(q.csat_answers) AS csat_answers,
    sum(q.talk_seconds) AS talk_seconds,
    sum(q.transfers) AS transfers
FROM public.agent_analytics q
GROUP BY q.user_id, q.day, q.agent_id
