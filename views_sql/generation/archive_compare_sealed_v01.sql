-- {{name}}_compare_sealed, version 1: compares the sealed days from p_before on with the live rows
-- one row: how many keys (user, day) differ, and under which snapshot: that, its newest drain, and the late changes
-- counted so far, which unseal needs to know what has changed since
-- reads {{name}}_archive, the live rows, view_state, seal, drain; runs as their owner. The caller holds the gates, has
-- announced an attempt, and is REPEATABLE READ. Where none of these days is sealed, none differs
-- change: first version
CREATE FUNCTION frontview.{{name}}_compare_sealed(p_before date)
RETURNS TABLE (differing bigint, snapshot pg_snapshot, drain_id bigint, changes bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    tier frontview.view_state;
BEGIN
    SELECT v.* INTO STRICT tier FROM frontview.view_state v WHERE v.view = '{{name}}' AND v.tier = 'archive';
    SELECT count(DISTINCT (d.{{user}}, d.{{day}})) INTO differing FROM (
        (
            SELECT {{columns_of_v}} FROM frontview.{{name}}_archive v
            WHERE v.{{day}} >= p_before AND v.{{day}} < tier.first_day
            EXCEPT ALL
            SELECT {{columns_of_v}} FROM {{live_sealed}}
        )
        UNION ALL
        (
            SELECT {{columns_of_v}} FROM {{live_sealed}}
            EXCEPT ALL
            SELECT {{columns_of_v}} FROM frontview.{{name}}_archive v
            WHERE v.{{day}} >= p_before AND v.{{day}} < tier.first_day
        )
    ) d;
    snapshot := pg_current_snapshot();
    drain_id := (SELECT max(d.drain_id) FROM frontview.drain d);
    changes := (SELECT s.sealed_changes FROM frontview.seal s WHERE s.view = '{{name}}');
    RETURN NEXT;
END
$$
