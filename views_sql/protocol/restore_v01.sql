-- restore, version 1: makes capture, views and reads of a table again, by the DDL that is kept with the declarations
-- call it at the end of the transaction that changes the table: it proves the keys again, and raises what PostgreSQL says
-- where the declared columns do not fit any more, so that the transaction fails. The views are populated again
-- returns the views that were made; also makes what DROP COLUMN with CASCADE took away, once the column is there again
-- reads objects_of_table; writes released; runs as its owner, as release
-- change: first version
CREATE FUNCTION frontview.restore(p_table regclass) RETURNS text []
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
    made text[] := frontview.release(p_table);
BEGIN
    FOR statement IN
        SELECT s.statement FROM frontview.objects_of_table(p_table) o
        CROSS JOIN LATERAL unnest(o.make) WITH ORDINALITY s (statement, place)
        ORDER BY o.level, o.name, s.place
    LOOP
        EXECUTE statement;
    END LOOP;
    IF EXISTS (
        SELECT FROM frontview.source s JOIN pg_attribute a ON a.attrelid = s.relation AND a.attname = s.user_column
        WHERE s.relation = p_table AND s.source ~ '^existence_[0-9]+_of_user$' AND NOT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
            AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND a.attnotnull
        )
    ) THEN
        -- A user who is there twice would double every number.
        RAISE EXCEPTION 'the key of the users in % has no unique index, or may be NULL', p_table
            USING ERRCODE = 'invalid_table_definition';
    END IF;
    DELETE FROM frontview.released r
    WHERE r.source IN (SELECT o.name FROM frontview.objects_of_table(p_table) o WHERE o.kind = 'capture');
    RETURN made;
END
$$
