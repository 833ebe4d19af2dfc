-- prune_change_log, version 1: deletes log rows that a committed drain has seen
-- returns the snapshot from which the next call continues; p_from: what the last call returned, NULL for everything
-- reads only rows that became visible between both snapshots, so it scans nothing that a long reader keeps from vacuum
-- change: first version
CREATE FUNCTION frontview.prune_change_log(p_from pg_snapshot) RETURNS pg_snapshot
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    seen pg_snapshot := (SELECT d.snapshot FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1);
    unpruned xid8 := COALESCE(pg_snapshot_xmax(p_from), '0'::xid8);
    open_then xid8[] := ARRAY(SELECT pg_snapshot_xip(p_from));
BEGIN
    DELETE FROM frontview.change_log l
    WHERE l.xid >= unpruned AND l.xid < pg_snapshot_xmax(seen) AND pg_visible_in_snapshot(l.xid, seen);
    DELETE FROM frontview.change_log l
    WHERE l.xid = ANY (open_then) AND pg_visible_in_snapshot(l.xid, seen);
    RETURN seen;
END
$$
