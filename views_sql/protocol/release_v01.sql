-- release, version 1: takes capture, views and reads of a table away, so that its columns, or it, can be changed or dropped
-- call it in the transaction that changes the table, and restore at its end: until that commits others wait for the table
-- it waits for the refreshes of these views that run, and none begins before the transaction ends
-- returns the views that are gone until then; reads of them are 503 meanwhile
-- reads objects_of_table; writes released; runs as its owner, who may grant EXECUTE to a role that migrates tables
-- raises 42704 when nothing declared reads the table, 55000 when a view has sealed days, which nothing else has
-- change: first version
CREATE FUNCTION frontview.release(p_table regclass) RETURNS text []
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
    gone text[];
BEGIN
    -- Before the gates, as whatever else takes both.
    PERFORM pg_advisory_xact_lock(1718777460, hashtext('declaration'));
    gone := ARRAY(
        SELECT v.view FROM frontview.objects_of_table(p_table) o CROSS JOIN unnest(o.views) v (view) ORDER BY 1
    );
    IF gone = '{}' THEN
        RAISE EXCEPTION 'no declared view reads the table %', p_table USING ERRCODE = 'undefined_object';
    END IF;
    -- A refresh that runs has the views and may still want the table: its end is waited for without the table's lock.
    PERFORM pg_advisory_xact_lock(1718777460, hashtext(v.view || '/' || v.tier))
    FROM (
        SELECT s.view, s.tier FROM frontview.view_state s WHERE s.view = ANY (gone) ORDER BY s.view, s.tier
    ) v;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', p_table);
    INSERT INTO frontview.released (source)
    SELECT o.name FROM frontview.objects_of_table(p_table) o WHERE o.kind = 'capture' AND o.relation IS NOT NULL
    ON CONFLICT DO NOTHING;
    FOR statement IN
        SELECT s.statement FROM frontview.objects_of_table(p_table) o
        CROSS JOIN LATERAL unnest(o.removal) WITH ORDINALITY s (statement, place)
        WHERE o.kind <> 'capture' OR EXISTS (SELECT FROM frontview.source c WHERE c.source = o.name)
        ORDER BY o.level DESC, o.name, s.place
    LOOP
        EXECUTE statement;
    END LOOP;
    RETURN gone;
END
$$
