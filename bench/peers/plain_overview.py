"""The overview as one statement on the base tables, as one writes it without Frontview.

Invariant: the JSON is that of Frontview's ``data``, byte for byte; each of the large tables is read once for its sums.
A day is one in the user's zone, which is known before.
"""

import sqlalchemy as sa

PLAIN_OVERVIEW = sa.text("""
WITH account AS MATERIALIZED (
    SELECT
        u.email, u.timezone, u.credits_cents, u.created_at, (now() AT TIME ZONE u.timezone)::date AS today,
        (SELECT count(*) FROM agents a WHERE a.user_id = u.id) AS agents_total,
        (SELECT count(*) FROM agents a WHERE a.user_id = u.id AND a.is_active) AS agents_active
    FROM users u WHERE u.id = :user
), call_day AS MATERIALIZED (
    SELECT
        (c.started_at AT TIME ZONE a.timezone)::date AS day, count(*) AS calls,
        count(*) FILTER (WHERE c.status = 'completed') AS completed,
        count(*) FILTER (WHERE c.status = 'failed') AS failed,
        count(*) FILTER (WHERE c.status = 'no_answer') AS no_answer,
        count(*) FILTER (WHERE c.status = 'busy') AS busy,
        count(*) FILTER (WHERE c.status = 'in_progress') AS in_progress,
        sum(c.duration_seconds) AS duration_seconds, sum(c.cost_cents) AS cost_cents
    FROM calls c CROSS JOIN account a WHERE c.user_id = :user GROUP BY 1
), lead_day AS MATERIALIZED (
    SELECT
        (l.analyzed_at AT TIME ZONE a.timezone)::date AS day, count(*) AS leads,
        count(*) FILTER (WHERE l.stage = 'qualified') AS qualified,
        count(*) FILTER (WHERE l.stage = 'converted') AS converted,
        sum(l.score) AS score
    FROM lead_analytics l CROSS JOIN account a WHERE l.user_id = :user GROUP BY 1
), period (name, days) AS (
    VALUES ('today', 1), ('last_7_days', 7), ('last_30_days', 30), ('all_time', 0)
), call_sum AS MATERIALIZED (
    SELECT p.name, row_to_json((SELECT r FROM (SELECT
        COALESCE(sum(c.calls), 0) AS calls, COALESCE(sum(c.completed), 0) AS completed,
        COALESCE(sum(c.failed), 0) AS failed, COALESCE(sum(c.no_answer), 0) AS no_answer,
        COALESCE(sum(c.busy), 0) AS busy, COALESCE(sum(c.in_progress), 0) AS in_progress,
        COALESCE(sum(c.duration_seconds), 0) AS duration_seconds, COALESCE(sum(c.cost_cents), 0) AS cost_cents
    ) r)) AS sums
    FROM period p CROSS JOIN account a
    LEFT JOIN call_day c ON p.days = 0 OR (c.day > a.today - p.days AND c.day <= a.today)
    GROUP BY p.name
), lead_sum AS MATERIALIZED (
    SELECT p.name, row_to_json((SELECT r FROM (SELECT
        COALESCE(sum(l.leads), 0) AS leads, COALESCE(sum(l.qualified), 0) AS qualified,
        COALESCE(sum(l.converted), 0) AS converted,
        round(sum(l.score)::numeric / NULLIF(sum(l.leads), 0), 2) AS average_score
    ) r)) AS sums
    FROM period p CROSS JOIN account a
    LEFT JOIN lead_day l ON p.days = 0 OR (l.day > a.today - p.days AND l.day <= a.today)
    GROUP BY p.name
)
SELECT row_to_json(o)::text FROM (
    SELECT
        (SELECT row_to_json(r) FROM (SELECT a.email, a.timezone, a.credits_cents, a.created_at) r) AS account,
        (SELECT row_to_json(r) FROM (SELECT a.agents_total AS total, a.agents_active AS active) r) AS agents,
        (SELECT row_to_json(r) FROM (SELECT
            (SELECT s.sums FROM call_sum s WHERE s.name = 'today') AS today,
            (SELECT s.sums FROM call_sum s WHERE s.name = 'last_7_days') AS last_7_days,
            (SELECT s.sums FROM call_sum s WHERE s.name = 'last_30_days') AS last_30_days,
            (SELECT s.sums FROM call_sum s WHERE s.name = 'all_time') AS all_time
        ) r) AS calls,
        (SELECT row_to_json(r) FROM (SELECT
            (SELECT s.sums FROM lead_sum s WHERE s.name = 'today') AS today,
            (SELECT s.sums FROM lead_sum s WHERE s.name = 'last_7_days') AS last_7_days,
            (SELECT s.sums FROM lead_sum s WHERE s.name = 'last_30_days') AS last_30_days,
            (SELECT s.sums FROM lead_sum s WHERE s.name = 'all_time') AS all_time
        ) r) AS leads,
        (SELECT row_to_json(r) FROM (SELECT ARRAY(
            SELECT d FROM (
                SELECT
                    g.day AS period, COALESCE(c.calls, 0) AS calls, COALESCE(c.completed, 0) AS completed,
                    COALESCE(c.duration_seconds, 0) AS duration_seconds, COALESCE(c.cost_cents, 0) AS cost_cents,
                    COALESCE(l.leads, 0) AS leads
                FROM (SELECT a.today - n AS day FROM generate_series(0, 29) n) g
                LEFT JOIN call_day c USING (day)
                LEFT JOIN lead_day l USING (day)
                ORDER BY g.day
            ) d
        ) AS rows) r) AS daily,
        ARRAY(
            SELECT n FROM (
                SELECT
                    c.id AS call_id, c.agent_id,
                    (SELECT a.name FROM agents a WHERE a.id = c.agent_id AND a.user_id = c.user_id) AS agent_name,
                    c.started_at, c.status, c.duration_seconds, c.cost_cents
                FROM calls c
                WHERE c.user_id = :user
                ORDER BY c.started_at DESC, c.id DESC LIMIT 10
            ) n
        ) AS recent_calls
    FROM account a
) o
""")
