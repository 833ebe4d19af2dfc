-- forget_feed, version 1: deletes at most about p_batch feed and drain rows older than p_keep
-- returns the drain from which the next call continues, NULL when none is left that is old enough
-- p_from: what the last call returned, 0 for everything; the newest drain row always stays
-- writes feed, drain; the leader's drain connection calls it. A drain's own row goes with its first feed rows: a
-- follower that is so far behind finds a hole, never a drain with only some of its rows
-- change: first version
CREATE FUNCTION frontview.forget_feed(p_keep interval, p_from bigint, p_batch integer) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    oldest bigint := (SELECT min(d.drain_id) FROM frontview.drain d);
    newest bigint := (SELECT max(d.drain_id) FROM frontview.drain d);
    boundary bigint;
    too_many bigint;
    batch tid[];
BEGIN
    IF NOT EXISTS (SELECT FROM frontview.feed f WHERE f.drain_id >= p_from AND f.drain_id < oldest) THEN
        boundary := (
            SELECT d.drain_id FROM frontview.drain d
            WHERE d.drained_at < now() - p_keep AND d.drain_id < newest ORDER BY d.drain_id DESC LIMIT 1
        );
        IF boundary IS NULL THEN
            RETURN NULL;
        END IF;
        too_many := (
            SELECT f.drain_id FROM frontview.feed f WHERE f.drain_id >= p_from ORDER BY f.drain_id OFFSET p_batch LIMIT 1
        );
        -- Whole drains, or a part of one that alone has too many rows: the next calls delete the rest of those.
        boundary := LEAST(boundary, oldest + p_batch - 1, CASE WHEN too_many > oldest THEN too_many - 1 ELSE too_many END);
        DELETE FROM frontview.drain d WHERE d.drain_id <= boundary;
        oldest := boundary + 1;
    END IF;
    batch := ARRAY(
        SELECT f.ctid FROM frontview.feed f
        WHERE f.drain_id >= p_from AND f.drain_id < oldest ORDER BY f.drain_id LIMIT p_batch
    );
    p_from := COALESCE((SELECT f.drain_id FROM frontview.feed f WHERE f.ctid = batch[p_batch]), oldest);
    DELETE FROM frontview.feed f WHERE f.ctid = ANY (batch);
    RETURN p_from;
END
$$
