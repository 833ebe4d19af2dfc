-- install_triggers, version 1: creates a source's capture triggers on its table and on every partition or child of it
-- p_member: only on this one of them. Returns the number of relations that now have them; may be repeated
-- reads frontview.source and catalogs; writes capture_state; one trigger an event:
-- frontview_capture_<source>_<event>, ENABLE ALWAYS; where PostgreSQL would cut that off at 63 bytes, the source's md5
-- stands for it: cut names of two could be the same. A declared source (with watched columns): where rows may move between partitions, which fires no row trigger for
-- UPDATE, transition tables show what a statement changed. Captured by names, WHEN compares, which follows a rename; a
-- function over the row type compares itself, for a WHEN with columns is parsed again in each statement
-- change: first version
CREATE FUNCTION frontview.install_triggers(p_source text, p_member oid DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s frontview.source;
    leaf regclass;
    event text;
    trigger_name text;
    relations integer := 0;
    by_row boolean;
    function text;
    arguments text;
    changed text;
BEGIN
    SELECT * INTO STRICT s FROM frontview.source WHERE source = p_source;
    by_row := s.watched IS NOT NULL AND (SELECT c.relkind = 'r' FROM pg_class c WHERE c.oid = s.relation);
    FOR leaf IN
        WITH RECURSIVE family AS (
            SELECT s.relation::oid AS member
            UNION
            SELECT i.inhrelid FROM pg_inherits i JOIN family f ON i.inhparent = f.member
        )
        SELECT f.member::regclass FROM family f WHERE f.member = COALESCE(p_member, f.member)
    LOOP
        relations := relations + 1;
        function := 'capture_' || p_source;
        arguments := '';
        changed := NULL;
        IF s.watched IS NOT NULL THEN
            -- A column that has another name by now gets the number 0, and every key is logged for its sake.
            SELECT
                string_agg(quote_literal(COALESCE(a.attnum, 0)), ', ' ORDER BY w.place),
                CASE WHEN bool_and(a.attnum IS NOT NULL) THEN format(
                    'WHEN (ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record)',
                    string_agg(format('OLD.%I', w.name), ', ' ORDER BY w.place),
                    string_agg(format('NEW.%I', w.name), ', ' ORDER BY w.place)
                ) END
            INTO arguments, changed
            FROM (
                SELECT u.name, min(u.place) AS place
                FROM unnest(array_remove(ARRAY[s.user_column, s.day_column], NULL) || s.watched)
                    WITH ORDINALITY u (name, place)
                GROUP BY u.name
            ) w
            LEFT JOIN pg_attribute a ON a.attrelid = leaf AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped;
            IF leaf = s.relation AND to_regproc(format('frontview.%I', function)) IS NOT NULL THEN
                arguments := '';
                changed := NULL; -- The function compares.
            ELSE
                function := 'named_capture_' || p_source;
            END IF;
        END IF;
        FOREACH event IN ARRAY s.events LOOP
            trigger_name := 'frontview_capture_' || p_source || '_' || lower(event);
            IF octet_length(trigger_name) > 63 THEN
                trigger_name := 'frontview_capture_' || md5(p_source) || '_' || lower(event);
            END IF;
            EXECUTE format(
                'CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s EXECUTE FUNCTION frontview.%I(%s)',
                trigger_name, event, leaf,
                CASE
                    WHEN event = 'INSERT' THEN 'REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT'
                    WHEN event = 'UPDATE' AND by_row THEN 'FOR EACH ROW ' || COALESCE(changed, '')
                    WHEN event = 'UPDATE'
                        THEN 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT'
                    WHEN event = 'DELETE' THEN 'REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT'
                    ELSE 'FOR EACH STATEMENT'
                END,
                function, arguments
            );
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', leaf, trigger_name);
        END LOOP;
    END LOOP;
    -- What joins the table from now on is new to the next check, though it may be the first. What a repair finds is not
    -- noted: the next check marks what was missed before.
    INSERT INTO frontview.capture_state (source, relation, name, fingerprint, system_identifier)
    SELECT c.source, c.relation, c.name, c.fingerprint, cluster.system_identifier
    FROM frontview.capture_coverage() c CROSS JOIN pg_control_system() cluster
    WHERE c.source = p_source AND NOT EXISTS (SELECT FROM frontview.capture_state k WHERE k.source = p_source);
    RETURN relations;
END
$$
