-- captured_keys, version 1: logs each key of the rows that a statement inserted, or deleted, once
-- a part of declared_capture
-- reads a transition table, writes frontview.change_log. One row is logged without DISTINCT, which costs more than the
-- row itself; OFFSET 0 keeps the planner from computing a day twice
-- change: first version
INSERT INTO frontview.change_log (source, user_id, day)
SELECT {{source}}, k.user_key, k.day
FROM (SELECT {{user}}, {{day}} FROM {{rows}} r OFFSET 0) k (user_key, day)
WHERE k.user_key IS NOT NULL AND k.day IS NOT NULL AND NOT EXISTS (SELECT FROM {{rows}} OFFSET 1);
IF NOT FOUND THEN
    INSERT INTO frontview.change_log (source, user_id, day)
    SELECT DISTINCT {{source}}, k.user_key, k.day
    FROM (SELECT {{user}}, {{day}} FROM {{rows}} r OFFSET 0) k (user_key, day)
    WHERE k.user_key IS NOT NULL AND k.day IS NOT NULL;
END IF;
