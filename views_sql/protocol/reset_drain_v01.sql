-- reset_drain, version 1: resets the bookkeeping at the first start, or after a restore into another cluster
-- returns the new drain_id; every key of every source becomes stale
-- writes change_log (its rows' xids belong to the old cluster), stale_key, feed, drain, seal. Sealed days stay sealed
-- change: first version
CREATE FUNCTION frontview.reset_drain(p_epoch bigint, p_nonce bigint, p_cluster bigint) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next_id bigint := (SELECT COALESCE(max(d.drain_id), 0) + 1 FROM frontview.drain d);
BEGIN
    WITH taken AS MATERIALIZED (
        SELECT pg_current_snapshot() AS snapshot
    ), cleared AS (
        DELETE FROM frontview.change_log
    ), marked AS (
        INSERT INTO frontview.stale_key (user_id, source, day, drain_id, generation)
        SELECT NULL, s.source, '-infinity', next_id, -1 FROM frontview.source s
        ON CONFLICT (user_id, source, day) DO UPDATE
        SET drain_id = excluded.drain_id, generation = excluded.generation
    ), fed AS (
        INSERT INTO frontview.feed (drain_id, user_id, source, first_day, last_day)
        SELECT next_id, NULL, s.source, '-infinity', '-infinity' FROM frontview.source s
    )
    INSERT INTO frontview.drain (drain_id, epoch, nonce, snapshot, drained_at, system_identifier, key_count, marked)
    SELECT next_id, p_epoch, p_nonce, taken.snapshot, now(), p_cluster, 0, taken.snapshot FROM taken;
    -- Transaction ids of the old cluster mean nothing here: those that are open now are waited for.
    UPDATE frontview.seal SET asked_xid = pg_current_xact_id() WHERE sealing_before IS NOT NULL;
    RETURN next_id;
END
$$
