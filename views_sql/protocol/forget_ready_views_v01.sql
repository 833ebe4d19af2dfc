-- forget_ready_views, version 1: deletes the notes of all views when the captured tables change; a trigger of source
-- notes name every captured table; until the next refresh of a view writes a new note, its reads use find_stale_days
-- writes ready_view, in the transaction that registers or removes a source; runs as its owner
-- change: first version
CREATE FUNCTION frontview.forget_ready_views() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM frontview.ready_view;
    RETURN NULL;
END
$$
