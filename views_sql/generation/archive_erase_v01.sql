-- {{name}}_erase, version 1: removes a user's sealed rows, and their part of the user's sums
-- returns how many rows it removed; rows of other days follow the base tables and stay
-- reads view_state, writes {{name}}_archive, {{name}}_total, sealed_zone, change_log; runs as their owner
-- the caller holds the gates, and requests the invalidation of the user's answers in the same transaction
-- change: first version
CREATE FUNCTION frontview.{{name}}_erase(p_user frontview.user_key) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    erased bigint;
BEGIN
    DELETE FROM frontview.{{name}}_archive v
    WHERE v.{{user}} = p_user
    AND v.{{day}} < (SELECT s.first_day FROM frontview.view_state s WHERE s.view = '{{name}}' AND s.tier = 'archive');
    GET DIAGNOSTICS erased = ROW_COUNT;
    DELETE FROM frontview.sealed_zone k WHERE k.view = '{{name}}' AND k.user_id = p_user;
    IF FOUND THEN -- Rows that are there have the days of the user's own zone again.
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT s.source, p_user, '-infinity' FROM frontview.view_state v CROSS JOIN LATERAL unnest(v.sources) s (source)
        WHERE v.view = '{{name}}' AND v.tier = 'archive';
    END IF;
    IF erased > 0 THEN
        PERFORM frontview.{{name}}_sum_again('{}', ARRAY[p_user]);
    END IF;
    RETURN erased;
END
$$
