-- {{name}}_read, version 1: answers one user's question: measures by period and by dimensions, as JSON text
-- one frontview.answer; body NULL when there is no such user. Parameters are values only: what they name is compared
-- reads the merged rows of {{name}} and of the hidden views of distinct measures; live measures read {{name}}_row
-- raises FV002, invalid parameter, with the parameter's name as COLUMN
-- change: first version
CREATE FUNCTION frontview.{{name}}_read(
    p_user frontview.user_key, {{range_parameters}}p_group_by text [], {{filter_parameters}}
    p_measures text [], p_order text, p_limit integer, p_other boolean, {{compare_parameter}}p_base boolean
) RETURNS frontview.answer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    {{range_variables}}
    sort_by text := COALESCE(ltrim(p_order, '-'), 'period');
    sign integer := CASE WHEN p_order LIKE '-%' THEN -1 ELSE 1 END;
    grouped boolean := COALESCE(p_group_by <> '{}', FALSE);
    {{flags}}
    views text[] := '{{{name}}}';
    state frontview.read_state;
    body text;
BEGIN
    p_limit := COALESCE(p_limit, 100);
    p_other := COALESCE(p_other, FALSE);
    {{range_checks}}
    IF NOT p_group_by <@ '{{{dimensions}}}' THEN
        RAISE EXCEPTION 'group_by names other dimensions than {{dimensions}}'
            USING ERRCODE = 'FV002', COLUMN = 'group_by';
    ELSIF p_measures = '{}' OR NOT p_measures <@ '{{{measures}}}' THEN
        RAISE EXCEPTION 'measures are {{measures}}' USING ERRCODE = 'FV002', COLUMN = 'measures';
    ELSIF NOT ({{can_be_ordered_by}}) THEN
        RAISE EXCEPTION 'nothing in the answer can be ordered by "%"', sort_by
            USING ERRCODE = 'FV002', COLUMN = 'order';
    END IF;
    {{limit_check}}{{filter_checks}}
    {{hidden_views}}
    state := frontview.begin_read(p_user, views, {{days_read}}, p_base);
    {{no_user}}

    {{statements}}

    IF body IS NULL THEN
        RAISE EXCEPTION 'the answer would have more than 10000 rows: groups times periods'
            USING ERRCODE = 'FV002', COLUMN = 'group_by';
    END IF;
    RETURN frontview.end_read(state, body, {{days_read}}, {{valid_until}});
END
$$
