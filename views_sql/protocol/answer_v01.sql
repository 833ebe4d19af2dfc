-- answer, version 1: what a dashboard function returns
-- body: JSON text of the answer's data, NULL when there is no such user or thing
-- source: 'materialized_view' or 'database'; patched_days: days recomputed from base tables beside view rows
-- first_day, last_day: days the answer depends on; valid_until: the end of the user's day if it depends on today
-- change: first version
CREATE TYPE frontview.answer AS (
    body text,
    epoch bigint,
    drain_id bigint,
    source text,
    patched_days integer,
    undrained boolean,
    first_day date,
    last_day date,
    valid_until timestamptz
)
