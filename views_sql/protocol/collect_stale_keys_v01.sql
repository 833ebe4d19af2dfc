-- collect_stale_keys, version 1: deletes keys that every view of their source has covered; one batch of a pass
-- returns the drain_id after which the next batch begins, NULL at the end of a pass; checks about p_batch keys
-- reads view_state, writes stale_key. Only the leader's drain connection calls it: two writers of stale_key deadlock
-- change: first version
CREATE FUNCTION frontview.collect_stale_keys(p_after bigint, p_batch integer) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    until bigint;
BEGIN
    SELECT k.drain_id INTO until FROM frontview.stale_key k
    WHERE k.drain_id > p_after ORDER BY k.drain_id OFFSET p_batch LIMIT 1;
    DELETE FROM frontview.stale_key k
    WHERE k.drain_id > p_after AND (until IS NULL OR k.drain_id <= until)
    AND NOT EXISTS (
        SELECT FROM frontview.view_state v
        WHERE k.source = ANY (v.sources)
        AND frontview.tier_holds(v.first_day, v.before_day, k.day)
        AND (v.through IS NULL OR v.through < k.drain_id)
    );
    RETURN until;
END
$$
