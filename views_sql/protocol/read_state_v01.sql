-- read_state, version 1: everything that one exact read knows about its snapshot
-- epoch, drain_id: the watermark; undrained: some key of the user has changed since that drain
-- source, patched_days: as in the answer; storage: tables and materialized views it may read, for the check against
-- rewrites; filenodes: their storage as noted before the snapshot, NULL where no note was used
-- views: one staleness for each view asked for, in the order asked
-- change: first version
CREATE TYPE frontview.read_state AS (
    epoch bigint,
    drain_id bigint,
    undrained boolean,
    source text,
    patched_days integer,
    storage oid [],
    filenodes oid [],
    views frontview.staleness []
)
