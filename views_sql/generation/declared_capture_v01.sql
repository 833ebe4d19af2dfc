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
    old_user frontview.user_key;
    new_user frontview.user_key;
    old_day date;
    new_day date;
BEGIN
    IF TG_OP = 'TRUNCATE'{{renamed}} THEN
        INSERT INTO frontview.change_log (source, user_id, day) VALUES ({{source}}, NULL, '-infinity');
    ELSIF TG_OP = 'INSERT' THEN
        -- One row is logged without DISTINCT, which costs more than the row itself. OFFSET 0 keeps the planner from
        -- computing a day twice.
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT {{source}}, k.user_key, k.day
        FROM (SELECT {{user_of_n}}, {{day_of_n}} FROM new_rows n OFFSET 0) k (user_key, day)
        WHERE k.user_key IS NOT NULL AND k.day IS NOT NULL AND NOT EXISTS (SELECT FROM new_rows OFFSET 1);
        IF NOT FOUND THEN
            INSERT INTO frontview.change_log (source, user_id, day)
            SELECT DISTINCT {{source}}, k.user_key, k.day
            FROM (SELECT {{user_of_n}}, {{day_of_n}} FROM new_rows n OFFSET 0) k (user_key, day)
            WHERE k.user_key IS NOT NULL AND k.day IS NOT NULL;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT {{source}}, k.user_key, k.day
        FROM (SELECT {{user_of_o}}, {{day_of_o}} FROM old_rows o OFFSET 0) k (user_key, day)
        WHERE k.user_key IS NOT NULL AND k.day IS NOT NULL AND NOT EXISTS (SELECT FROM old_rows OFFSET 1);
        IF NOT FOUND THEN
            INSERT INTO frontview.change_log (source, user_id, day)
            SELECT DISTINCT {{source}}, k.user_key, k.day
            FROM (SELECT {{user_of_o}}, {{day_of_o}} FROM old_rows o OFFSET 0) k (user_key, day)
            WHERE k.user_key IS NOT NULL AND k.day IS NOT NULL;
        END IF;
    ELSIF TG_LEVEL = 'ROW' THEN
        old_user := {{user_of_old}};
        old_day := {{day_of_old}};
        new_user := {{user_of_new}};
        new_day := {{day_of_new}};
        IF new_user IS NOT NULL AND new_day IS NOT NULL THEN
            INSERT INTO frontview.change_log (source, user_id, day) VALUES ({{source}}, new_user, new_day);
        END IF;
        IF old_user IS NOT NULL AND old_day IS NOT NULL
            AND (old_user, old_day) IS DISTINCT FROM (new_user, new_day)
        THEN
            INSERT INTO frontview.change_log (source, user_id, day) VALUES ({{source}}, old_user, old_day);
        END IF;
    ELSE
        -- What the statement took away and what it put there, as multisets: rows that it left alike cancel out. A digest
        -- is as narrow for a watched text of 8 kB as for a number.
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT DISTINCT {{source}}, changed.user_key, changed.day
        FROM (
            SELECT r.user_key, r.day
            FROM (
                SELECT {{user_of_n}}, {{day_of_n}}, {{digest_of_n}}, 1 FROM new_rows n
                UNION ALL
                SELECT {{user_of_o}}, {{day_of_o}}, {{digest_of_o}}, -1 FROM old_rows o
            ) r (user_key, day, digest, difference)
            WHERE r.user_key IS NOT NULL AND r.day IS NOT NULL
            GROUP BY r.user_key, r.day, r.digest
            HAVING sum(r.difference) <> 0
        ) changed;
    END IF;
    RETURN NULL;
END
{{quote}}
