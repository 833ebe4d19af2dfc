-- note_ready_view, version 1: notes what reads need of a view whose tiers are all populated; a trigger of view_state
-- a note changes with tiers, sources and their storage, not with every refresh; a view that is not ready has none
-- reads view_state, source, pg_class, pg_inherits; writes ready_view, in the transaction that refreshes or registers
-- storage: every captured table with its partitions and children, and the view's tiers; runs as its owner
-- change: first version
CREATE FUNCTION frontview.note_ready_view() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed text := COALESCE(NEW.view, OLD.view);
    ready boolean := (
        SELECT bool_and(t.through IS NOT NULL AND c.relispopulated IS TRUE)
        FROM frontview.view_state t LEFT JOIN pg_class c ON c.oid = to_regclass(t.relation)
        WHERE t.view = changed
    );
BEGIN
    IF ready IS NOT TRUE THEN
        DELETE FROM frontview.ready_view r WHERE r.view = changed;
        RETURN NULL;
    END IF;
    INSERT INTO frontview.ready_view AS r (view, noted_in, clean, storage, filenodes)
    WITH RECURSIVE captured AS (
        SELECT s.relation::oid AS relation FROM frontview.source s
        UNION
        SELECT i.inhrelid FROM pg_inherits i JOIN captured p ON i.inhparent = p.relation
    ), stored AS (
        SELECT array_agg(c.oid ORDER BY c.oid) AS storage, array_agg(c.relfilenode ORDER BY c.oid) AS filenodes
        FROM pg_class c
        WHERE c.oid IN (SELECT p.relation FROM captured p)
        OR c.oid IN (SELECT to_regclass(t.relation) FROM frontview.view_state t WHERE t.view = changed)
    ), clean AS (
        SELECT
            max(t.first_day) FILTER (WHERE t.tier = 'recent') AS horizon, bool_or(t.tier = 'recent') AS daily,
            max(t.first_day) FILTER (WHERE t.tier = 'archive') AS sealed_before
        FROM frontview.view_state t WHERE t.view = changed
    )
    SELECT
        changed, 'frontview.ready_view'::regclass,
        ROW (
            changed, clean.horizon, clean.daily, TRUE, clean.daily, '{}', clean.sealed_before
        )::frontview.staleness,
        stored.storage, stored.filenodes
    FROM clean CROSS JOIN stored
    ON CONFLICT (view) DO UPDATE
    SET noted_in = excluded.noted_in, clean = excluded.clean,
        storage = excluded.storage, filenodes = excluded.filenodes
    WHERE (r.noted_in, r.clean, r.storage, r.filenodes)
        IS DISTINCT FROM (excluded.noted_in, excluded.clean, excluded.storage, excluded.filenodes);
    RETURN NULL;
END
$$
