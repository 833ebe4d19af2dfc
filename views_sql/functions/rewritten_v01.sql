-- rewritten, version 1: whether a table (or a partition of it) was given new storage under the caller's snapshot
-- one boolean; pg_class is read with the caller's snapshot, pg_relation_filenode() with the newest catalog
-- reads pg_class and the partition trees of partitioned tables
-- an unknown or dropped relation counts as rewritten
-- change: first version
CREATE FUNCTION frontview.rewritten(p_storage oid []) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_class c
        WHERE c.oid = ANY (p_storage)
        AND c.relfilenode IS DISTINCT FROM COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0)
    ) OR EXISTS (
        SELECT FROM pg_catalog.pg_class p
        CROSS JOIN LATERAL pg_catalog.pg_partition_tree(CASE WHEN p.relkind = 'p' THEN p.oid END) leaf
        JOIN pg_catalog.pg_class c ON c.oid = leaf.relid
        WHERE p.oid = ANY (p_storage) AND p.relkind = 'p'
        AND c.relfilenode IS DISTINCT FROM COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0)
    )
$$
