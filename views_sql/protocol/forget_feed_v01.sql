-- forget_feed, version 1: deletes feed and drain rows older than p_keep; the newest drain row always stays
-- returns the number of drains deleted
-- writes feed, drain; the leader's drain connection calls it
-- change: first version
CREATE FUNCTION frontview.forget_feed(p_keep interval) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest bigint := (SELECT max(d.drain_id) FROM frontview.drain d);
    boundary bigint := (
        SELECT d.drain_id FROM frontview.drain d
        WHERE d.drained_at < now() - p_keep ORDER BY d.drain_id DESC LIMIT 1
    );
    forgotten bigint;
BEGIN
    IF boundary IS NULL THEN
        RETURN 0;
    END IF;
    boundary := LEAST(boundary, newest - 1);
    DELETE FROM frontview.feed f WHERE f.drain_id <= boundary;
    DELETE FROM frontview.drain d WHERE d.drain_id <= boundary;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$
