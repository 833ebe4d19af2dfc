-- check_capture, version 1: logs every key of each source whose capture has a gap, or changed since the last check
-- one row an alarm that must be raised: uncaptured (a gap; marked at every check while it lasts) or capture_changed
-- writes change_log and capture_state, so it never runs on the drain's connection. Altering a trigger waits for the
-- writers of its table, so a check that finds the trigger altered back logs its mark after all that was missed
-- what was installed was noted with it; in a restored cluster, which is reset anyway, the first check only remembers
-- a renamed label of an enum is marked and no alarm: tiers show it at once, and kept answers have the old one
-- change: first version
CREATE FUNCTION frontview.check_capture()
RETURNS TABLE (kind text, subject text, detail text)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
WITH cluster AS MATERIALIZED (
    SELECT c.system_identifier AS id FROM pg_control_system() c
), found AS MATERIALIZED (
    SELECT c.source, c.relation, c.name, c.fingerprint, c.gaps FROM frontview.capture_coverage() c
), remembered AS MATERIALIZED (
    SELECT s.source, s.relation, s.name, s.fingerprint
    FROM frontview.capture_state s JOIN cluster ON s.system_identifier = cluster.id
    WHERE s.source IN (SELECT k.source FROM frontview.source k)
), compared AS MATERIALIZED (
    SELECT
        COALESCE(f.source, r.source) AS source, COALESCE(f.name, r.name) AS name, f.gaps,
        COALESCE(f.fingerprint, r.fingerprint) LIKE '{%' AS is_enum,
        CASE
            WHEN r.fingerprint = f.fingerprint THEN NULL
            WHEN COALESCE(f.fingerprint, r.fingerprint) LIKE '{%' THEN
                CASE WHEN NOT f.fingerprint::jsonb @> r.fingerprint::jsonb THEN 'a label was renamed' END
            WHEN r.relation IS NOT NULL AND f.relation IS NOT NULL THEN 'its capture was altered'
            WHEN f.relation IS NULL THEN 'it left its table'
            WHEN f.source IN (SELECT k.source FROM remembered k) THEN 'it joined its table'
        END AS change
    FROM found f FULL JOIN remembered r ON r.source = f.source AND r.relation = f.relation
), logged AS (
    INSERT INTO frontview.change_log (source, user_id, day)
    SELECT DISTINCT c.source, NULL::frontview.user_key, '-infinity'::date
    FROM compared c WHERE c.gaps IS NOT NULL OR c.change IS NOT NULL
), forgotten AS (
    DELETE FROM frontview.capture_state s
    WHERE NOT EXISTS (SELECT FROM found f WHERE f.source = s.source AND f.relation = s.relation)
), kept AS (
    INSERT INTO frontview.capture_state AS s (source, relation, name, fingerprint, system_identifier)
    SELECT f.source, f.relation, f.name, f.fingerprint, cluster.id FROM found f CROSS JOIN cluster
    ON CONFLICT (source, relation) DO UPDATE
    SET name = excluded.name, fingerprint = excluded.fingerprint, system_identifier = excluded.system_identifier
    WHERE (s.name, s.fingerprint, s.system_identifier)
        IS DISTINCT FROM (excluded.name, excluded.fingerprint, excluded.system_identifier)
)
SELECT 'uncaptured', c.name, string_agg(c.source || ': ' || c.gaps, '; ' ORDER BY c.source)
FROM compared c WHERE c.gaps IS NOT NULL GROUP BY c.name
UNION ALL
SELECT 'capture_changed', c.name, string_agg(c.source || ': ' || c.change, '; ' ORDER BY c.source)
FROM compared c WHERE c.change IS NOT NULL AND NOT c.is_enum GROUP BY c.name
$$
