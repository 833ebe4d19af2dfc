-- rewritten, version 1: whether a table (or a partition of it) was given new storage under the caller's snapshot
-- one boolean; pg_class is read with the caller's snapshot, pg_relation_filenode() with the newest catalog
-- reads pg_class and the partition trees of partitioned tables
-- a relation dropped since counts as rewritten
-- change: first version
CREATE FUNCTION frontview.rewritten(p_storage oid []) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    partitioned boolean;
    changed boolean;
BEGIN
    SELECT
        bool_or(c.relkind = 'p'),
        bool_or(c.relfilenode IS DISTINCT FROM COALESCE(pg_relation_filenode(c.oid), 0))
    INTO partitioned, changed
    FROM pg_class c WHERE c.oid = ANY (p_storage);
    IF partitioned AND NOT changed THEN
        SELECT bool_or(c.relfilenode IS DISTINCT FROM COALESCE(pg_relation_filenode(c.oid), 0)) INTO changed
        FROM pg_class p
        CROSS JOIN LATERAL pg_partition_tree(p.oid) leaf
        JOIN pg_class c ON c.oid = leaf.relid
        WHERE p.oid = ANY (p_storage) AND p.relkind = 'p';
    END IF;
    RETURN COALESCE(changed, FALSE);
END
$$
