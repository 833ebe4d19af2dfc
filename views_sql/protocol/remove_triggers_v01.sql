-- remove_triggers, version 1: drops a source's capture triggers on its table and on every partition or child of it
-- returns the number of triggers dropped
-- reads frontview.source and pg_trigger; logs every key, as the last change that is captured: web workers that still
-- serve the source drop their answers
-- change: first version
CREATE FUNCTION frontview.remove_triggers(p_source text) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
    removed integer := 0;
BEGIN
    FOR found IN
        SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger t
        WHERE t.tgfoid IN (
            to_regprocedure(format('frontview.%I()', 'capture_' || p_source)),
            to_regprocedure(format('frontview.%I()', 'named_capture_' || p_source))
        )
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.relation);
        removed := removed + 1;
    END LOOP;
    INSERT INTO frontview.change_log (source, user_id, day) VALUES (p_source, NULL, '-infinity');
    RETURN removed;
END
$$
