-- {{name}}_unseal, version 1: lets the sealed days from p_before on be computed again, if the base tables still have them
-- returns how many keys (user, day) of these days differ from the live relation; they are unsealed if none does
-- reads {{name}}_archive, {{name}}_live; writes view_state, seal, change_log; runs as their owner
-- the caller holds the gates, and its transaction is REPEATABLE READ. Marks of sealed days may have been collected, so
-- every key becomes stale, and the next refresh rebuilds the archive
-- change: first version
CREATE FUNCTION frontview.{{name}}_unseal(p_before date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tier frontview.view_state;
    differing bigint;
BEGIN
    SELECT v.* INTO STRICT tier FROM frontview.view_state v WHERE v.view = '{{name}}' AND v.tier = 'archive';
    IF p_before >= tier.first_day THEN
        RAISE EXCEPTION 'No day of {{name}} from % on is sealed.', p_before USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT count(DISTINCT (d.{{user}}, d.{{day}})) INTO differing FROM (
        (
            SELECT {{columns_of_v}} FROM frontview.{{name}}_archive v
            WHERE v.{{day}} >= p_before AND v.{{day}} < tier.first_day
            EXCEPT ALL
            SELECT {{columns_of_v}} FROM frontview.{{name}}_live v
            WHERE v.{{day}} >= p_before AND v.{{day}} < tier.first_day
        )
        UNION ALL
        (
            SELECT {{columns_of_v}} FROM frontview.{{name}}_live v
            WHERE v.{{day}} >= p_before AND v.{{day}} < tier.first_day
            EXCEPT ALL
            SELECT {{columns_of_v}} FROM frontview.{{name}}_archive v
            WHERE v.{{day}} >= p_before AND v.{{day}} < tier.first_day
        )
    ) d;
    IF differing = 0 THEN
        UPDATE frontview.view_state v SET first_day = p_before
        WHERE v.view = '{{name}}' AND v.tier IN ('archive', 'total');
        DELETE FROM frontview.seal s WHERE s.view = '{{name}}' AND p_before = '-infinity';
        UPDATE frontview.seal s SET sealing_before = NULL, asked_xid = NULL WHERE s.view = '{{name}}';
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT s, NULL, '-infinity' FROM unnest(tier.sources) s;
    END IF;
    RETURN differing;
END
$$
