-- {{name}}_move_horizon, version 1: moves the first day of the recent tier, and the days between from or to the archive
-- returns nothing; runs as the owner
-- reads {{name}}_live; writes view_state, {{name}}_archive, {{name}}_total. Keys that were stale stay so
-- the caller holds all gates of the view, refreshes the recent tier in the same transaction, and that is REPEATABLE READ
-- change: first version
CREATE FUNCTION frontview.{{name}}_move_horizon(p_horizon date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    horizon date := (
        SELECT s.before_day FROM frontview.view_state s WHERE s.view = '{{name}}' AND s.tier = 'archive'
    );
    changed_users frontview.user_key[];
BEGIN
    WITH new_rows AS (
        INSERT INTO frontview.{{name}}_archive ({{columns}})
        SELECT {{columns_of_v}} FROM {{live_between}}
        RETURNING {{user}}, {{measures}}
    ), old_rows AS (
        DELETE FROM frontview.{{name}}_archive v
        WHERE p_horizon < horizon AND v.{{day}} >= p_horizon RETURNING {{user}}, {{measures}}
    ), changed AS (
        {{add_differences}}
        RETURNING {{user}}
    )
    SELECT array_agg({{user}}) INTO changed_users FROM changed;
    UPDATE frontview.view_state SET before_day = p_horizon WHERE view = '{{name}}' AND tier IN ('archive', 'total');
    UPDATE frontview.view_state SET first_day = p_horizon WHERE view = '{{name}}' AND tier IN ('recent', 'by_day');
    PERFORM frontview.{{name}}_sum_again(changed_users, '{}');
END
$$
