-- {{name}}_list, version 1: answers the first rows of a list of one user, as a JSON array
-- one frontview.answer; body NULL when there is no such user. Parameters are values only
-- reads {{name}}_listed by an index on user and order, and the labels of the rows that it shows
-- raises FV002, invalid parameter, with the parameter's name as COLUMN
-- change: first version
CREATE FUNCTION frontview.{{name}}_list(
    p_user frontview.user_key, {{parameters}}p_limit integer, p_base boolean
) RETURNS frontview.answer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    {{zone}}
    state frontview.read_state;
    body text;
BEGIN
    p_limit := COALESCE(p_limit, {{limit}});
    {{checks}}
    state := frontview.begin_read(p_user, '{}', '-infinity', 'infinity', p_base);
    {{no_user}}
    body := {{array}};
    RETURN frontview.end_read(state, body, '-infinity', 'infinity', frontview.end_of_day(now(), zone));
END
$$
