-- request_invalidation, version 1: requests that every cache drop the entries whose label p_pattern matches
-- returns the invalidation's id; the next drain feeds it to the caches
-- writes invalidation; a pattern has 1 to 3200 characters
-- change: first version
CREATE FUNCTION frontview.request_invalidation(p_pattern text, p_asked_by text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id bigint;
BEGIN
    IF p_pattern IS NULL OR length(p_pattern) NOT BETWEEN 1 AND 3200 THEN
        RAISE EXCEPTION 'a pattern has 1 to 3200 characters' USING ERRCODE = '22023';
    END IF;
    INSERT INTO frontview.invalidation AS i (pattern, asked_by) VALUES (p_pattern, p_asked_by)
    RETURNING i.invalidation_id INTO new_id;
    RETURN new_id;
END
$$
