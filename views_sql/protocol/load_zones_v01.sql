-- load_zones, version 1: brings frontview.zone up to this server's time zones; marks the keys whose days that changes
-- returns the names that mean something else than before: new ones, gone ones, other offsets
-- reads pg_timezone_names, which reads a file for each, source; writes zone, change_log. A session reads the rules of a
-- zone once: call it in a new one, which refreshes tiers afterwards. Offsets are compared of the zones that are in use
-- only full names count, and UTC and GMT: PostgreSQL takes other abbreviations for zones without summer time
-- change: first version
CREATE FUNCTION frontview.load_zones() RETURNS text []
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
    declarations CONSTANT integer[] := ARRAY(
        SELECT substr(c.relname, 6)::integer FROM pg_class c
        INNER JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'zone_name'
        WHERE c.relnamespace = 'frontview'::regnamespace AND c.relname ~ '^user_[0-9]{1,9}$'
    );
    declaration integer;
    names text[];
    in_use text[] := ARRAY(SELECT DISTINCT unnest(s.zones) FROM frontview.source s);
    changed text[];
BEGIN
    WITH place AS MATERIALIZED (
        SELECT n.name FROM pg_timezone_names n
        WHERE n.name !~ '^(posix|right)/' AND n.name NOT IN ('Factory', 'localtime', 'posixrules')
    ), known AS (
        SELECT p.name, p.name AS zone FROM place p
        WHERE p.name !~ '^Etc/GMT[-+]' AND p.name NOT IN (SELECT a.abbrev FROM pg_timezone_abbrevs a)
        UNION
        SELECT u.name, u.name FROM unnest('{UTC,GMT}'::text []) u (name)
        UNION ALL
        SELECT r.name, r.zone FROM frontview.rails_zone r INNER JOIN place p ON p.name = r.zone
        WHERE r.name NOT IN (SELECT o.name FROM place o)
    ), gone AS (
        DELETE FROM frontview.zone z WHERE NOT EXISTS (SELECT FROM known k WHERE k.name = z.name) RETURNING z.name
    ), brought AS (
        INSERT INTO frontview.zone AS z (name, zone)
        SELECT k.name, k.zone FROM known k
        ON CONFLICT (name) DO UPDATE SET zone = excluded.zone, offsets = NULL WHERE z.zone <> excluded.zone
        RETURNING z.name
    )
    SELECT ARRAY(SELECT g.name FROM gone g UNION ALL SELECT b.name FROM brought b) INTO changed;

    FOREACH declaration IN ARRAY declarations LOOP
        EXECUTE format('SELECT array_agg(DISTINCT u.zone_name) FROM frontview.user_%s u', declaration) INTO names;
        in_use := in_use || names;
    END LOOP;
    WITH compared AS (
        UPDATE frontview.zone z SET offsets = n.offsets
        FROM (
            SELECT o.name, o.offsets AS before, frontview.zone_offsets(o.zone, o.since) AS offsets
            FROM frontview.zone o WHERE o.name = ANY (in_use) OFFSET 0
        ) n
        WHERE n.name = z.name AND n.offsets IS DISTINCT FROM z.offsets
        RETURNING CASE WHEN n.before IS NOT NULL THEN z.name END AS name
    )
    SELECT changed || ARRAY(SELECT c.name FROM compared c WHERE c.name IS NOT NULL) INTO changed;
    -- The years move on once they have been compared, by the rules that this session has read.
    UPDATE frontview.zone z SET since = y.since, offsets = frontview.zone_offsets(z.zone, y.since)
    FROM (SELECT date_trunc('year', now()) - interval '2 years' AS since) y
    WHERE z.since < now() - interval '3 years' AND z.offsets IS NOT NULL;

    INSERT INTO frontview.change_log (source, user_id, day)
    SELECT s.source, NULL, '-infinity' FROM frontview.source s WHERE s.zones && changed;
    FOREACH declaration IN ARRAY declarations LOOP
        EXECUTE format(
            'INSERT INTO frontview.change_log (source, user_id, day) '
            'SELECT %L, u.user_key, ''-infinity'' FROM frontview.user_%s u WHERE u.zone_name = ANY ($1)',
            format('existence_%s_of_user', declaration), declaration
        ) USING changed;
    END LOOP;
    RETURN changed;
END
$$
