-- refresh_tier, version 1: REFRESH MATERIALIZED VIEW of one registered tier, for those who do not own it
-- returns nothing; runs as the owner, as REFRESH asks for before PostgreSQL 17; takes no name but one of view_state
-- the caller's transaction is REPEATABLE READ, so this reads with the snapshot its other statements have
-- raises 42P01 when there is no such tier, 42P16 when a key that was proven is proven no longer
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
    -- REFRESH searched for no duplicates (column always_null); sums are grouped by their key in the tier itself
    IF p_tier NOT IN ('total', 'by_day') THEN
        PERFORM frontview.prove_key(format('frontview.%I', p_view || '_live')::regclass, key);
    END IF;
END
$$
