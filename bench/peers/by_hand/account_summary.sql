-- by_hand_account_summary, version 1
-- one row a user; unique key (user_id)
-- base tables: users, agents
-- credits in cents
-- change: first version
SELECT
    u.id AS user_id,
    u.timezone,
    u.credits_cents,
    count(a.id) AS agents_total,
    count(a.id) FILTER (WHERE a.is_active) AS agents_active
FROM public.users u
LEFT JOIN public.agents a ON a.user_id = u.id
GROUP BY u.id
