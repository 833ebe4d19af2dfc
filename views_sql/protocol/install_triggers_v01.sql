-- install_triggers, version 1: creates a source's capture triggers on its table and on every partition or child of it
-- returns the number of relations that now have them; may be repeated (a new partition gets its own)
-- reads frontview.source; one trigger an event: frontview_capture_<source>_<event>, ENABLE ALWAYS
-- change: first version
CREATE FUNCTION frontview.install_triggers(p_source text) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s frontview.source;
    leaf regclass;
    event text;
    trigger_name text;
    relations integer := 0;
BEGIN
    SELECT * INTO STRICT s FROM frontview.source WHERE source = p_source;
    FOR leaf IN
        WITH RECURSIVE family AS (
            SELECT s.relation::oid AS member
            UNION
            SELECT i.inhrelid FROM pg_inherits i JOIN family f ON i.inhparent = f.member
        )
        SELECT f.member::regclass FROM family f
    LOOP
        relations := relations + 1;
        FOREACH event IN ARRAY s.events LOOP
            trigger_name := 'frontview_capture_' || p_source || '_' || lower(event);
            EXECUTE format(
                'CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION frontview.%I()',
                trigger_name, event, leaf,
                CASE event
                    WHEN 'INSERT' THEN 'REFERENCING NEW TABLE AS new_rows'
                    WHEN 'UPDATE' THEN 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
                    WHEN 'DELETE' THEN 'REFERENCING OLD TABLE AS old_rows'
                    ELSE ''
                END,
                'capture_' || p_source
            );
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', leaf, trigger_name);
        END LOOP;
    END LOOP;
    RETURN relations;
END
$$
