-- prove_key, version 1: raises unless PostgreSQL proves that some columns identify a row of a relation
-- returns nothing; plans a query on the relation and never reads it
-- the planner leaves out a left join that finds at most one row and whose columns are not used, so the plan with it
-- scans what that of the relation alone scans. It proves this from GROUP BY, DISTINCT and unique indexes. Scans are
-- counted since statistics may change between the two plans, and how their rows are grouped and sorted with them
-- change: first version
CREATE FUNCTION frontview.prove_key(p_relation regclass, p_key text []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    matched text := (SELECT string_agg(format('o.%1$I = i.%1$I', k), ' AND ') FROM unnest(p_key) k);
    alone json;
    joined json;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT o.%I FROM %s o', p_key[1], p_relation) INTO alone;
    EXECUTE format(
        'EXPLAIN (FORMAT JSON) SELECT o.%I FROM %s o LEFT JOIN %s i ON %s', p_key[1], p_relation, p_relation, matched
    ) INTO joined;
    IF (SELECT count(*) FROM jsonb_path_query(joined::jsonb, 'strict $.**.Alias'))
        <> (SELECT count(*) FROM jsonb_path_query(alone::jsonb, 'strict $.**.Alias'))
    THEN
        RAISE EXCEPTION 'nothing proves that % identifies a row of %', p_key, p_relation
        USING ERRCODE = 'invalid_table_definition', HINT = 'GROUP BY exactly these columns.';
    END IF;
END
$$
