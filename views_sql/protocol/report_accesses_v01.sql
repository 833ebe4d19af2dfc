-- report_accesses, version 1: counts reads for the present hour of the week, and for this minute
-- one element of p_counts a user and dashboard; an older weight counts half after two weeks, a quarter after four
-- writes access in key order (so two workers never deadlock), and traffic
-- change: first version
CREATE FUNCTION frontview.report_accesses(p_counts frontview.access_count []) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET synchronous_commit = off
AS $$
DECLARE
    utc timestamp := now() AT TIME ZONE 'UTC';
    hour smallint := (EXTRACT(ISODOW FROM utc) - 1) * 24 + EXTRACT(HOUR FROM utc);
BEGIN
    INSERT INTO frontview.access AS a (user_id, dashboard, hour_of_week, weight, counted_at)
    SELECT r.user_id, r.dashboard, hour, sum(r.reads), now()
    FROM unnest(p_counts) r
    GROUP BY r.user_id, r.dashboard
    ORDER BY r.user_id, r.dashboard
    ON CONFLICT (user_id, dashboard, hour_of_week) DO UPDATE SET
        weight = excluded.weight + a.weight * power(
            0.5, GREATEST(0, EXTRACT(EPOCH FROM excluded.counted_at - a.counted_at)) / 1209600
        ),
        counted_at = excluded.counted_at;
    INSERT INTO frontview.traffic AS t (minute, reads)
    SELECT date_trunc('minute', now()), COALESCE(sum(r.reads), 0) FROM unnest(p_counts) r
    ON CONFLICT (minute) DO UPDATE SET reads = t.reads + excluded.reads;
END
$$
