-- {{function}}, version 1: logs the keys that a writer changed for one consumer, in the writer's own transaction
-- one change_log row a distinct key of a statement, or a changed row of an UPDATE captured row by row; TRUNCATE logs
-- the every-key row; rows without a user or, for a source with days, without a day log nothing
-- reads the statement's transition tables or OLD and NEW; writes frontview.change_log; never issues NOTIFY, never waits
-- change: first version
CREATE FUNCTION frontview.{{function}}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS {{quote}}
DECLARE
    written_user frontview.user_key;
    written_day date;
BEGIN
    IF TG_OP = 'TRUNCATE'
        OR {{unknown}}
    THEN
        -- Once a transaction: without its columns, each changed row comes here.
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT {{source}}, NULL, '-infinity'
        WHERE NOT EXISTS (
            SELECT FROM frontview.change_log l
            WHERE l.user_id IS NULL AND l.xid = pg_current_xact_id() AND l.source = {{source}}
        );
    ELSIF TG_LEVEL = 'ROW' THEN
        IF {{change}} THEN
            -- Plain expressions, then VALUES: a SELECT with conditions costs the writer more to set up.
            written_user := {{user_of_new}};
            written_day := {{day_of_new}};
            IF written_user IS NOT NULL AND written_day IS NOT NULL THEN
                INSERT INTO frontview.change_log (source, user_id, day)
                VALUES ({{source}}, written_user, written_day);
            END IF;
            IF {{moved}} THEN
                INSERT INTO frontview.change_log (source, user_id, day)
                SELECT {{source}}, {{user_of_old}}, {{day_of_old}}
                WHERE {{user_of_old}} IS NOT NULL AND {{day_of_old}} IS NOT NULL
                AND ({{user_of_old}}, {{day_of_old}}) IS DISTINCT FROM (written_user, written_day);
            END IF;
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        {{inserted}};
    ELSIF TG_OP = 'DELETE' THEN
        {{deleted}};
    ELSE
        -- What the statement took away and what it put there, as multisets: rows that it left alike cancel out. A digest
        -- is as narrow for a watched text of 8 kB as for a number.
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT DISTINCT {{source}}, changed.user_key, changed.day
        FROM (
            SELECT k.user_key, k.day
            FROM (
                SELECT {{user_of_r}}, {{day_of_r}}, {{digest_of_r}}, 1 FROM new_rows r
                UNION ALL
                SELECT {{user_of_r}}, {{day_of_r}}, {{digest_of_r}}, -1 FROM old_rows r
            ) k (user_key, day, digest, difference)
            WHERE k.user_key IS NOT NULL AND k.day IS NOT NULL
            GROUP BY k.user_key, k.day, k.digest
            HAVING sum(k.difference) <> 0
        ) changed;
    END IF;
    RETURN NULL;
END
{{quote}}
