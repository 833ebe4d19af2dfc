-- lock_together, version 1: locks tables against everybody, all of them or none
-- returns nothing; it waits for the first one only, and for that one without another: so no writer that has some of them
-- and wants others ever waits for a transaction that waits for it
-- raises 55P03 when they were not free together within ten seconds; migrations then try again
-- change: first version
CREATE FUNCTION frontview.lock_together(p_tables text []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    begun timestamptz := clock_timestamp();
BEGIN
    LOOP
        BEGIN
            FOR place IN 1 .. cardinality(p_tables) LOOP
                EXECUTE format(
                    'LOCK TABLE %s IN ACCESS EXCLUSIVE MODE %s',
                    p_tables[place], CASE WHEN place > 1 THEN 'NOWAIT' END
                );
            END LOOP;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF clock_timestamp() > begun + interval '10 seconds' THEN
                RAISE;
            END IF;
        END;
        PERFORM pg_sleep(0.05);
    END LOOP;
END
$$
