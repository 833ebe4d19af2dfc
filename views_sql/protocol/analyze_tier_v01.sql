-- analyze_tier, version 1: runs ANALYZE on one registered tier, for a role that does not own it
-- returns nothing; runs as the owner, because ANALYZE only warns about a relation that another role owns
-- reads view_state
-- raises 42P01 when there is no such tier
-- change: first version
CREATE FUNCTION frontview.analyze_tier(p_view text, p_tier text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tier regclass := (
        SELECT c.oid FROM frontview.view_state v JOIN pg_class c ON c.oid = to_regclass(v.relation)
        WHERE v.view = p_view AND v.tier = p_tier AND c.relkind IN ('m', 'r')
    );
BEGIN
    IF tier IS NULL THEN
        RAISE EXCEPTION 'there is no tier %/%', p_view, p_tier USING ERRCODE = 'undefined_table';
    END IF;
    EXECUTE format('ANALYZE %s', tier);
END
$$
