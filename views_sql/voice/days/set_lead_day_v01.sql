-- set_lead_day, version 1: sets the day of a lead's analysis in its user's time zone, whatever the writer's TimeZone is
-- BEFORE INSERT OR UPDATE row trigger on lead_analytics; overwrites the value that the writer gave
-- base tables: users
-- without such a user the foreign key refuses the row, after UTC was used here
-- change: first version
CREATE FUNCTION frontview.set_lead_day() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.local_day := (
        NEW.analyzed_at
        AT TIME ZONE COALESCE((SELECT u.timezone FROM public.users u WHERE u.id = NEW.user_id), 'UTC')
    )::date;
    RETURN NEW;
END
$$
