-- rewritten, version 1: returns whether a table, or a partition or child of it, got new storage under the snapshot
-- one boolean; pg_class is read with the caller's snapshot, pg_relation_filenode() with the newest catalog
-- reads pg_class, and pg_inherits for tables that have partitions or children
-- a relation that was dropped meanwhile counts as rewritten
-- change: first version
CREATE FUNCTION frontview.rewritten(p_storage oid []) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    parents oid[];
    changed boolean;
BEGIN
    SELECT
        array_agg(c.oid) FILTER (WHERE c.relhassubclass),
        bool_or(c.relfilenode IS DISTINCT FROM COALESCE(pg_relation_filenode(c.oid), 0))
    INTO parents, changed
    FROM pg_class c WHERE c.oid = ANY (p_storage);
    IF parents IS NOT NULL AND NOT changed THEN
        WITH RECURSIVE family AS (
            SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = ANY (parents)
            UNION
            SELECT i.inhrelid FROM pg_inherits i JOIN family f ON i.inhparent = f.inhrelid
        )
        SELECT bool_or(c.relfilenode IS DISTINCT FROM COALESCE(pg_relation_filenode(c.oid), 0)) INTO changed
        FROM family f JOIN pg_class c ON c.oid = f.inhrelid;
    END IF;
    RETURN COALESCE(changed, FALSE);
END
$$
