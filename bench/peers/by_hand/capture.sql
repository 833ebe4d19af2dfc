-- capture_{{source}}, version 1: logs the keys that a statement changed on {{table}}, in the writer's own transaction
-- one change_log row a distinct key; UPDATE logs old and new keys; TRUNCATE logs the every-key row
-- reads the statement's transition tables, writes frontview.change_log; never issues NOTIFY, never waits
-- one inserted or deleted row is logged without DISTINCT, which cost more than the row itself [measured]
-- SECURITY DEFINER: writers need no rights on the log
-- change: first version
CREATE FUNCTION frontview.capture_{{source}}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT '{{source}}', n.{{user}}, {{new_day}} FROM new_rows n
        WHERE NOT EXISTS (SELECT FROM new_rows OFFSET 1);
        IF NOT FOUND THEN
            INSERT INTO frontview.change_log (source, user_id, day)
            SELECT DISTINCT '{{source}}', n.{{user}}, {{new_day}} FROM new_rows n;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT '{{source}}', o.{{user}}, {{old_day}} FROM old_rows o
        UNION
        SELECT '{{source}}', n.{{user}}, {{new_day}} FROM new_rows n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO frontview.change_log (source, user_id, day)
        SELECT '{{source}}', o.{{user}}, {{old_day}} FROM old_rows o
        WHERE NOT EXISTS (SELECT FROM old_rows OFFSET 1);
        IF NOT FOUND THEN
            INSERT INTO frontview.change_log (source, user_id, day)
            SELECT DISTINCT '{{source}}', o.{{user}}, {{old_day}} FROM old_rows o;
        END IF;
    ELSE
        INSERT INTO frontview.change_log (source, user_id, day) VALUES ('{{source}}', NULL, '-infinity');
    END IF;
    RETURN NULL;
END
$$
