-- prune_change_log, version 1: deletes at most p_batch log rows whose keys are marked
-- one row: the snapshot from which the next call continues, and whether nothing is left to delete for now
-- p_from: what the last call returned, NULL for everything
-- reads only rows that became visible after p_from, so it scans nothing that a long reader keeps from vacuum
-- change: first version
CREATE FUNCTION frontview.prune_change_log(p_from pg_snapshot, p_batch integer)
RETURNS TABLE (pruned pg_snapshot, complete boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    marked pg_snapshot := (SELECT d.marked FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1);
    unpruned xid8 := COALESCE(pg_snapshot_xmax(p_from), '0'::xid8);
    open_then xid8[] := ARRAY(SELECT pg_snapshot_xip(p_from));
    batch tid[];
    last_xid xid8;
    open_before xid8[];
BEGIN
    -- First the transactions that were open then, afterwards the others by xid.
    batch := ARRAY(
        SELECT late.ctid FROM unnest(open_then) AS o (xid) CROSS JOIN LATERAL (
            SELECT l.ctid FROM frontview.change_log l
            WHERE l.xid BETWEEN o.xid AND o.xid AND pg_visible_in_snapshot(l.xid, marked) ORDER BY l.xid
        ) late
        LIMIT p_batch
    );
    batch := batch || ARRAY(
        SELECT l.ctid FROM frontview.change_log l
        WHERE l.xid >= unpruned AND l.xid < pg_snapshot_xmax(marked) AND pg_visible_in_snapshot(l.xid, marked)
        ORDER BY l.xid LIMIT p_batch - cardinality(batch)
    );
    last_xid := (SELECT l.xid FROM frontview.change_log l WHERE l.ctid = batch[p_batch]);
    DELETE FROM frontview.change_log l WHERE l.ctid = ANY (batch);
    complete := last_xid IS NULL;
    pruned := CASE WHEN complete THEN marked ELSE p_from END;
    IF last_xid >= unpruned THEN
        -- Continue from a snapshot to which last_xid is the first that had not begun: more of its rows may be left.
        open_before := ARRAY(SELECT x FROM pg_snapshot_xip(marked) x WHERE x < last_xid ORDER BY x);
        pruned := format(
            '%s:%s:%s', COALESCE(open_before[1], last_xid), last_xid, array_to_string(open_before, ',')
        )::pg_snapshot;
    END IF;
    RETURN NEXT;
END
$$
