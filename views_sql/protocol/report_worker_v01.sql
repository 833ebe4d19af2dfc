-- report_worker, version 1: stores that a web process is alive, and its statistics
-- returns nothing; called every few seconds
-- writes the process's row of worker
-- change: first version
CREATE FUNCTION frontview.report_worker(
    p_worker_id uuid, p_host text, p_pid integer, p_started_at timestamptz, p_statistics jsonb
) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET synchronous_commit = off
AS $$
INSERT INTO frontview.worker (worker_id, host, pid, started_at, seen_at, statistics)
VALUES (p_worker_id, p_host, p_pid, p_started_at, now(), p_statistics)
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), statistics = excluded.statistics
$$
