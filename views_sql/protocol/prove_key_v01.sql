-- prove_key, version 1: raises unless PostgreSQL proves that some columns identify a row of a relation
-- returns nothing; plans a query on the relation and never reads it
-- the planner leaves out a left join that finds at most one row and whose columns are not used, so the plan with it is
-- that of the relation alone. It proves this from GROUP BY, DISTINCT and unique indexes
-- change: first version
CREATE FUNCTION frontview.prove_key(p_relation regclass, p_key text []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    matched text := (SELECT string_agg(format('o.%1$I = i.%1$I', k), ' AND ') FROM unnest(p_key) k);
    alone text := '';
    joined text := '';
    line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT o.%I FROM %s o', p_key[1], p_relation) LOOP
        alone := alone || E'\n' || line;
    END LOOP;
    FOR line IN EXECUTE format(
        'EXPLAIN (COSTS OFF) SELECT o.%I FROM %s o LEFT JOIN %s i ON %s', p_key[1], p_relation, p_relation, matched
    ) LOOP
        joined := joined || E'\n' || line;
    END LOOP;
    IF joined <> alone THEN
        RAISE EXCEPTION 'nothing proves that % identifies a row of %', p_key, p_relation
        USING ERRCODE = 'invalid_table_definition', HINT = 'GROUP BY exactly these columns.';
    END IF;
END
$$
