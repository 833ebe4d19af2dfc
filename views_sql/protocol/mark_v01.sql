-- mark, version 1: one mark, or one undrained change, that a read must take into account
-- source: whose change it is; day: -infinity when the source has no day
-- drain_id: the latest drain that saw the change; NULL when no drain has seen it yet
-- change: first version
CREATE TYPE frontview.mark AS (
    source text,
    day date,
    drain_id bigint
)
