-- {{name}}_sum_again, version 1: corrects sums of users that differences cannot: of rows that are gone, or not finite
-- returns nothing; p_users: whose archive has just changed; p_again: whose sums are computed again whatever they are
-- reads {{name}}_archive, writes {{name}}_total. A sum that was NaN or infinite stays so whatever is subtracted, and one
-- that was wrong stays wrong: an audit that finds it logs a change without a day
-- change: first version
CREATE FUNCTION frontview.{{name}}_sum_again(
    p_users frontview.user_key [], p_again frontview.user_key []
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    p_again := p_again || ARRAY(
        SELECT t.{{user}} FROM frontview.{{name}}_total t
        WHERE t.{{user}} = ANY (p_users) AND {{sum_of_t}} IN ('NaN', 'Infinity', '-Infinity')
    );
    DELETE FROM frontview.{{name}}_total t
    WHERE t.{{user}} = ANY (p_users || p_again) AND (t.archive_rows = 0 OR t.{{user}} = ANY (p_again));
    IF p_again <> '{}' THEN
        INSERT INTO frontview.{{name}}_total ({{user}}, {{measures}}, archive_rows)
        SELECT a.{{user}}, {{sums_of_a}}, count(*)
        FROM frontview.{{name}}_archive a WHERE a.{{user}} = ANY (p_again) GROUP BY a.{{user}};
    END IF;
END
$$
