-- storage_changed, version 1: returns whether some relation has other storage than was noted, or no longer exists
-- one boolean; NULL notes count as changed
-- reads the newest catalog, whatever the caller's snapshot, from the session's cache; a loop, because it needs no query
-- a relation without storage of its own (a partitioned table) is noted as 0
-- change: first version
CREATE FUNCTION frontview.storage_changed(p_storage oid [], p_filenodes oid []) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    FOR n IN 1 .. COALESCE(cardinality(p_storage), 0) LOOP
        IF COALESCE(pg_catalog.pg_relation_filenode(p_storage[n]), 0) IS DISTINCT FROM p_filenodes[n] THEN
            RETURN TRUE;
        END IF;
    END LOOP;
    RETURN FALSE;
END
$$
