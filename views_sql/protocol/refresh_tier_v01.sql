-- refresh_tier, version 1: runs REFRESH MATERIALIZED VIEW on one registered tier, for a role that does not own it
-- returns nothing; runs as the owner, which REFRESH requires before PostgreSQL 17; accepts only tiers of view_state
-- the caller's transaction is REPEATABLE READ, so this reads with the snapshot of its other statements
-- proves the key again, while the locks of this refresh hold the definition. Raises 42P01 when there is no such tier,
-- 42P16 when a key is no longer proven
-- change: first version
CREATE FUNCTION frontview.refresh_tier(p_view text, p_tier text, p_concurrently boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tier regclass := (
        SELECT c.oid FROM frontview.view_state v JOIN pg_class c ON c.oid = to_regclass(v.relation)
        WHERE v.view = p_view AND v.tier = p_tier AND c.relkind = 'm'
    );
    key text [] := (
        SELECT array_agg(a.attname::text ORDER BY a.attnum)
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = tier AND i.indisunique
    );
BEGIN
    IF tier IS NULL THEN
        RAISE EXCEPTION 'there is no tier %/%', p_view, p_tier USING ERRCODE = 'undefined_table';
    END IF;
    EXECUTE format('REFRESH MATERIALIZED VIEW %s %s', CASE WHEN p_concurrently THEN 'CONCURRENTLY' ELSE '' END, tier);
    -- The column always_null keeps REFRESH from searching for duplicates. Sums are grouped by their key in the tier.
    IF p_tier NOT IN ('total', 'by_day') THEN
        PERFORM frontview.prove_key(format('frontview.%I', p_view || '_live')::regclass, key);
    END IF;
END
$$
