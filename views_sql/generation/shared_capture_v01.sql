-- {{function}}, version 1: logs that a writer changed rows that concern every user, in the writer's own transaction
-- one change_log row of every key a transaction, and not for changes of what nobody shows; TRUNCATE always logs one
-- reads the statement's transition tables or OLD and NEW; writes frontview.change_log; never issues NOTIFY, never waits
-- change: first version
CREATE FUNCTION frontview.{{function}}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS {{quote}}
DECLARE
    changed boolean;
BEGIN
    IF TG_OP = 'TRUNCATE'
        OR {{unknown}}
    THEN
        changed := TRUE;
    ELSIF TG_LEVEL = 'ROW' THEN
        changed := {{change}};
    ELSIF TG_OP = 'INSERT' THEN
        changed := EXISTS (SELECT FROM new_rows);
    ELSIF TG_OP = 'DELETE' THEN
        changed := EXISTS (SELECT FROM old_rows);
    ELSE
        -- What the statement took away and what it put there, as multisets: rows that it left alike cancel out.
        changed := EXISTS (
            SELECT FROM (
                SELECT {{digest_of_r}}, 1 FROM new_rows r
                UNION ALL
                SELECT {{digest_of_r}}, -1 FROM old_rows r
            ) k (digest, difference)
            GROUP BY k.digest
            HAVING sum(k.difference) <> 0
        );
    END IF;
    IF changed AND NOT EXISTS (
        SELECT FROM frontview.change_log l
        WHERE l.user_id IS NULL AND l.xid = pg_current_xact_id() AND l.source = {{source}} AND l.day = '-infinity'
    ) THEN
        INSERT INTO frontview.change_log (source, user_id, day) VALUES ({{source}}, NULL, '-infinity');
    END IF;
    RETURN NULL;
END
{{quote}}
