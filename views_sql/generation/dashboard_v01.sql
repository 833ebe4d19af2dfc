-- {{name}}_dashboard, version 1: answers all panels of a dashboard about one user, as JSON text
-- one frontview.answer; body NULL when there is no such user. Parameters are values only
-- reads the merged rows of its views once each, live rows, labels, lists and facts, in one statement
-- raises FV002, invalid parameter, with the parameter's name as COLUMN
-- change: first version
CREATE FUNCTION frontview.{{name}}_dashboard(
    p_user frontview.user_key, {{parameters}}p_base boolean
) RETURNS frontview.answer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    {{variables}}
    state frontview.read_state;
    body text;
BEGIN
    {{checks}}
    state := frontview.begin_read(p_user, '{{{views}}}', {{days_read}}, p_base);
    {{no_user}}

    {{with}}SELECT {{body}}
    INTO body;
    {{too_large}}
    RETURN frontview.end_read(state, body, {{days_read}}, frontview.end_of_day(now(), zone));
END
$$
