-- switch_declaration, version 1: makes a declaration the active one; the one before is retired, and stays as it is
-- returns nothing; p_number must stand. Functions that other declarations, also ones that are gone, make in another way
-- under the same name are made as this one makes them, unless the active one does: then they are there as they should be
-- reads declared_objects and view_state; writes declaration; only the owner may call it
-- raises 55000 when a view that the other declaration has not has sealed days: no answer would have them
-- change: first version
CREATE FUNCTION frontview.switch_declaration(p_number integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
    sealed text := (
        SELECT min(v.view) FROM frontview.view_state v
        WHERE v.tier = 'archive' AND v.first_day > '-infinity'
        AND EXISTS (SELECT FROM frontview.declared_objects() o WHERE o.active AND v.view = ANY (o.views))
        AND NOT EXISTS (SELECT FROM frontview.declared_objects() o WHERE o.number = p_number AND v.view = ANY (o.views))
    );
BEGIN
    IF sealed IS NOT NULL THEN
        RAISE EXCEPTION '% has sealed days, which perhaps nothing else has: run frontview unseal first', sealed
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    FOR statement IN
        SELECT s.statement FROM frontview.declared_objects() n
        CROSS JOIN LATERAL unnest(n.removal || n.make) WITH ORDINALITY s (statement, place)
        WHERE n.number = p_number AND n.kind = 'read' AND EXISTS (
            SELECT FROM unnest(ARRAY[TRUE, FALSE]) t (standing) CROSS JOIN frontview.declared_objects(t.standing) o
            WHERE o.name = n.name AND o.make <> n.make
        ) AND NOT EXISTS (
            SELECT FROM frontview.declared_objects() a WHERE a.active AND a.name = n.name AND a.make = n.make
        )
        ORDER BY n.place, s.place
    LOOP
        EXECUTE statement;
    END LOOP;
    UPDATE frontview.declaration SET active = FALSE, retired_at = now() WHERE active AND number <> p_number;
    -- One that waited in between is of no use any more.
    UPDATE frontview.declaration SET retired_at = now()
    WHERE NOT active AND retired_at IS NULL AND gone_at IS NULL AND number < p_number;
    UPDATE frontview.declaration SET active = TRUE, retired_at = NULL WHERE number = p_number AND NOT active;
END
$$
