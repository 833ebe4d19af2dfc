-- adopt_partitions, version 1: gives new partitions and children of captured tables their capture triggers
-- triggers that are enabled but not ALWAYS, as ENABLE TRIGGER ALL leaves them, become that again; disabled ones stay so
-- one row a source and relation: whether it lacked triggers, and if nothing was changed, the SQLSTATE of the reason
-- runs as the owner, and installs what is registered on members of registered tables, nothing else
-- writes capture_state: a member that provably never held a row is noted as seen, so that the check marks nothing for it;
-- any other is left to check_capture, which marks every key once. Waits 100 ms for a member's lock, since its writers
-- queue behind; the next check tries again
-- change: first version
CREATE FUNCTION frontview.adopt_partitions()
RETURNS TABLE (source text, name text, lacked boolean, failure text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    member record;
    never_held_a_row boolean;
BEGIN
    FOR member IN
        SELECT c.source, c.relation, c.name, c.gaps LIKE '% missing%' AS lacks
        FROM frontview.capture_coverage() c JOIN frontview.source s ON s.source = c.source
        WHERE CASE
            WHEN c.gaps LIKE '% missing%' THEN c.relation <> s.relation::oid
            ELSE c.gaps LIKE '%not ENABLE ALWAYS%' AND c.gaps NOT LIKE '% disabled%'
        END
        ORDER BY c.source, c.relation
    LOOP
        source := member.source;
        name := member.name;
        lacked := member.lacks;
        failure := NULL;
        BEGIN
            EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', member.relation::regclass);
            -- An INSERT, even one that was rolled back, leaves pages; TRUNCATE and rewrites leave other storage; a
            -- VACUUM that gave the pages back, and ANALYZE, leave a number of tuples.
            never_held_a_row := (
                SELECT c.relkind = 'p' OR (
                    c.reltuples = -1 AND pg_relation_filenode(c.oid) = c.oid AND pg_relation_size(c.oid) = 0
                )
                FROM pg_class c WHERE c.oid = member.relation
            );
            PERFORM frontview.install_triggers(member.source, member.relation);
            INSERT INTO frontview.capture_state AS k (source, relation, name, fingerprint, system_identifier)
            SELECT c.source, c.relation, c.name, c.fingerprint, cluster.system_identifier
            FROM frontview.capture_coverage() c CROSS JOIN pg_control_system() cluster
            WHERE member.lacks AND never_held_a_row AND c.source = member.source AND c.relation = member.relation
            ON CONFLICT ON CONSTRAINT pk_capture_state DO UPDATE
            SET name = excluded.name, fingerprint = excluded.fingerprint, system_identifier = excluded.system_identifier;
        EXCEPTION
            WHEN OTHERS THEN failure := SQLSTATE;
        END;
        RETURN NEXT;
    END LOOP;
END
$$
