-- access_count, version 1: how often one user read one dashboard since the last report
-- user_id, dashboard: the question without its parameters
-- reads: a count, at least 1
-- change: first version
CREATE TYPE frontview.access_count AS (
    user_id frontview.user_key,
    dashboard text,
    reads integer
)
