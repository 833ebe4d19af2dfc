-- activate_declaration, version 1: makes the newest declaration that waits the active one, if it need not wait any more
-- returns its number, NULL if nothing changed; it waits for each of its views that has no contents and is not yet served
-- the first declaration does not wait. Migrations call it, and the leader, for whom it runs as its owner
-- reads declared_objects, view_state; writes declaration
-- change: first version
CREATE FUNCTION frontview.activate_declaration() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ready integer;
BEGIN
    PERFORM pg_advisory_xact_lock(1718777460, hashtext('declaration'));
    ready := (
        SELECT max(d.number) FROM frontview.declaration d
        WHERE NOT d.active AND d.retired_at IS NULL AND d.gone_at IS NULL
        AND NOT EXISTS (
            SELECT FROM frontview.declared_objects() o
            CROSS JOIN unnest(o.views) w (view)
            LEFT JOIN frontview.view_state v ON v.view = w.view
            WHERE o.number = d.number AND v.through IS NULL
            AND EXISTS (SELECT FROM frontview.declaration a WHERE a.active)
            AND NOT EXISTS (SELECT FROM frontview.declared_objects() a WHERE a.active AND a.name = o.name)
        )
    );
    IF ready IS NOT NULL THEN
        PERFORM frontview.switch_declaration(ready);
    END IF;
    RETURN ready;
END
$$
