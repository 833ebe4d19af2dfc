-- take_declaration_back, version 1: makes the declaration before the active one again
-- returns nothing; p_number: the one to take back; p_before: the one before it, NULL if there was none
-- while p_before stands, which is a day, it is exact and fast, and p_number is retired with its objects; later
-- p_before is made again first. One that was never active is forgotten, and so is the first: their objects can be dropped
-- with the first, retired ones go at once
-- the tables that these capture are locked together, so that no writer deadlocks with it
-- reads declared_objects, source; writes declaration; only the owner may call it
-- change: first version
CREATE FUNCTION frontview.take_declaration_back(p_number integer, p_before integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
BEGIN
    PERFORM pg_advisory_xact_lock(1718777460, hashtext('declaration'));
    IF p_before IS NULL THEN
        UPDATE frontview.declaration SET active = FALSE WHERE number = p_number;
        -- Nothing is served any more, so what was taken back goes, too: in one transaction, unlike where the leader does it.
        PERFORM frontview.lock_together(ARRAY(
            SELECT DISTINCT o.relation
            FROM unnest(ARRAY[TRUE, FALSE]) t (standing) CROSS JOIN frontview.declared_objects(t.standing) o
            JOIN frontview.source s ON s.source = o.name
            WHERE o.kind = 'capture' AND o.number <> p_number AND NOT EXISTS (
                SELECT FROM frontview.declared_objects() k WHERE k.number = p_number AND k.name = o.name
            )
            ORDER BY 1
        ));
        WHILE frontview.drop_retired() IS NOT NULL LOOP
        END LOOP;
    END IF;
    IF p_before IS NULL OR NOT EXISTS (SELECT FROM frontview.declaration d WHERE d.number = p_number AND d.active) THEN
        DELETE FROM frontview.declaration WHERE number = p_number;
        RETURN;
    END IF;
    IF NOT frontview.is_standing(p_before) THEN
        UPDATE frontview.declaration SET gone_at = NULL WHERE number = p_before;
        FOR statement IN
            SELECT s.statement FROM frontview.declared_objects() o
            CROSS JOIN LATERAL unnest(o.make) WITH ORDINALITY s (statement, place)
            WHERE o.number = p_before
            AND NOT EXISTS (
                SELECT FROM frontview.declared_objects() k WHERE k.number <> p_before AND k.name = o.name
            )
            AND NOT EXISTS (SELECT FROM frontview.source c WHERE o.kind = 'capture' AND c.source = o.name)
            ORDER BY o.place, s.place
        LOOP
            EXECUTE statement;
        END LOOP;
    END IF;
    PERFORM frontview.switch_declaration(p_before);
END
$$
