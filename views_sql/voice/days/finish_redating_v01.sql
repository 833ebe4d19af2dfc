-- finish_redating, version 1: sets days again after a change of time zone, once transactions of that time have ended
-- returns the number of users finished; a transaction that was open across the change still used the old zone
-- base tables: users, calls, lead_analytics; writes frontview.timezone_change; the refresher calls it every few seconds
-- change: first version
CREATE FUNCTION frontview.finish_redating() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    change frontview.timezone_change;
    finished integer := 0;
BEGIN
    UPDATE frontview.timezone_change SET seen_at = clock_timestamp(), seen_xid = pg_current_xact_id()
    WHERE seen_at IS NULL;
    FOR change IN
        SELECT t.* FROM frontview.timezone_change t
        WHERE t.seen_xid < pg_snapshot_xmin(pg_current_snapshot())
        -- An earlier snapshot. Every role may see backend_xmin of other roles' sessions, but not xact_start.
        AND NOT EXISTS (
            SELECT FROM pg_stat_activity a
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
            AND age(a.backend_xmin) >= age(t.seen_xid::xid)
        )
        -- A transaction that was prepared since then has no session any more.
        AND NOT EXISTS (
            SELECT FROM pg_prepared_xacts p WHERE p.database = current_database() AND p.prepared >= t.seen_at
        )
        FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE public.calls c SET local_day = c.local_day
        FROM public.users u WHERE u.id = change.user_id AND c.user_id = u.id
        AND c.local_day <> (c.started_at AT TIME ZONE u.timezone)::date;
        UPDATE public.lead_analytics l SET local_day = l.local_day
        FROM public.users u WHERE u.id = change.user_id AND l.user_id = u.id
        AND l.local_day <> (l.analyzed_at AT TIME ZONE u.timezone)::date;
        DELETE FROM frontview.timezone_change t WHERE t.user_id = change.user_id;
        finished := finished + 1;
    END LOOP;
    RETURN finished;
END
$$
