-- {{name}}_sum_again, version 1: corrects sums of users that differences cannot: of rows that are gone, or not finite
-- returns nothing; p_users: whose archive has just changed
-- reads {{name}}_archive, writes {{name}}_total. A sum that was NaN or infinite stays so whatever is subtracted
-- change: first version
CREATE FUNCTION frontview.{{name}}_sum_again(p_users frontview.user_key []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    odd frontview.user_key[];
BEGIN
    DELETE FROM frontview.{{name}}_total t WHERE t.{{user}} = ANY (p_users) AND t.archive_rows = 0;
    odd := ARRAY(
        SELECT t.{{user}} FROM frontview.{{name}}_total t
        WHERE t.{{user}} = ANY (p_users) AND {{sum_of_t}} IN ('NaN', 'Infinity', '-Infinity')
    );
    IF odd <> '{}' THEN
        UPDATE frontview.{{name}}_total t SET ({{measures}}) = (
            SELECT {{sums_of_a}} FROM frontview.{{name}}_archive a WHERE a.{{user}} = t.{{user}}
        )
        WHERE t.{{user}} = ANY (odd);
    END IF;
END
$$
