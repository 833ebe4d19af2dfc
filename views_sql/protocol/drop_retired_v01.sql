-- drop_retired, version 1: drops a part of what only retired declarations have, as was recorded with them
-- returns what it dropped, in words, NULL if nothing may go: a declaration goes when it has been retired for a day and no
-- web process has reported for ten minutes that it serves it; at once if none is active. Call it again, in another transaction, until it returns NULL
-- first everything that is not on the application's tables, then the capture of one table after another: so none waits for
-- another one's lock. What other declarations have as well stays
-- reads declared_objects, worker, source; writes declaration, released; the leader calls it, and it runs as its owner
-- change: first version
CREATE FUNCTION frontview.drop_retired() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
    going integer;
    captured text;
    statement text;
BEGIN
    PERFORM pg_advisory_xact_lock(1718777460, hashtext('declaration'));
    SELECT o.number, o.relation INTO going, captured
    FROM frontview.declared_objects(FALSE) o JOIN frontview.source s ON s.source = o.name
    WHERE o.kind = 'capture' AND NOT EXISTS (SELECT FROM frontview.declared_objects() k WHERE k.name = o.name)
    ORDER BY o.number, o.relation LIMIT 1;
    IF going IS NULL THEN
        -- One that was taken back is forgotten: its number may be another one's. To any other one can go back.
        DELETE FROM frontview.declaration d
        WHERE d.gone_at IS NOT NULL
        AND d.number > COALESCE((SELECT a.number FROM frontview.declaration a WHERE a.active), 0);
        going := (
            SELECT min(d.number) FROM frontview.declaration d
            WHERE d.gone_at IS NULL AND NOT d.active AND d.retired_at IS NOT NULL AND (
                NOT EXISTS (SELECT FROM frontview.declaration a WHERE a.active)
                OR (
                    d.retired_at < now() - interval '1 day' AND NOT EXISTS (
                        SELECT FROM frontview.worker w
                        WHERE w.seen_at > now() - interval '10 minutes'
                        AND COALESCE(w.statistics ->> 'declaration', d.number::text) = d.number::text
                    )
                )
            )
        );
        IF going IS NULL THEN
            RETURN NULL;
        END IF;
        UPDATE frontview.declaration SET gone_at = now() WHERE number = going;
        DELETE FROM frontview.released r
        WHERE NOT EXISTS (SELECT FROM frontview.declared_objects() k WHERE k.name = r.source);
    END IF;
    FOR statement IN
        SELECT s.statement FROM frontview.declared_objects(FALSE) o
        CROSS JOIN LATERAL unnest(o.removal) WITH ORDINALITY s (statement, place)
        WHERE o.number = going AND CASE WHEN captured IS NULL THEN o.kind <> 'capture' ELSE o.relation = captured END
        AND NOT EXISTS (SELECT FROM frontview.declared_objects() k WHERE k.name = o.name)
        -- Another piece of this table's may have gone, or was released.
        AND (o.kind <> 'capture' OR EXISTS (SELECT FROM frontview.source c WHERE c.source = o.name))
        ORDER BY o.place DESC, s.place
    LOOP
        EXECUTE statement;
    END LOOP;
    RETURN format('%s of declaration %s', COALESCE('the capture of ' || captured, 'the views'), going);
END
$$
