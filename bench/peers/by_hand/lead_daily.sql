-- by_hand_lead_daily, version 1
-- one row a user, local day of the analysis and agent; unique key (user_id, day, agent_id)
-- base tables: lead_analytics
-- score_points: sum of scores, each 0 to 100
-- change: first version
SELECT
    l.user_id,
    l.local_day AS day,
    l.agent_id,
    count(*) AS leads,
    count(*) FILTER (WHERE l.stage = 'qualified') AS qualified,
    count(*) FILTER (WHERE l.stage = 'converted') AS converted,
    sum(l.score) AS score_points
FROM public.lead_analytics l
GROUP BY l.user_id, l.local_day, l.agent_id
