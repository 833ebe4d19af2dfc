-- redate_user, version 1: moves a user's rows to the days of the new time zone, in the transaction that changes it
-- AFTER UPDATE OF timezone row trigger on users; remembers the user for finish_redating
-- base tables: users, calls, lead_analytics
-- the row triggers of calls and lead_analytics set the day
-- change: first version
CREATE FUNCTION frontview.redate_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE public.calls c SET local_day = c.local_day WHERE c.user_id = NEW.id;
    UPDATE public.lead_analytics l SET local_day = l.local_day WHERE l.user_id = NEW.id;
    INSERT INTO frontview.timezone_change (user_id) VALUES (NEW.id)
    ON CONFLICT (user_id) DO UPDATE SET seen_at = NULL;
    RETURN NULL;
END
$$
