-- forget_ready_views, version 1: forgets the notes of all views when the captured tables change; a trigger of source
-- notes name every captured table; the next refresh of a view notes it anew, and until then its reads look for themselves
-- writes ready_view, in the transaction that registers or removes a source; runs as its owner
-- units: none
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
