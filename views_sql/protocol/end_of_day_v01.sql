-- end_of_day, version 1: returns the first instant after p_moment at which a time zone has another date than then
-- one timestamptz, in whole seconds; until then an answer that depends on the date of p_moment stands
-- reads nothing; `AT TIME ZONE` cannot say it alone: where midnight comes twice it returns the second one, and where
-- clocks are moved forward over midnight an instant of the new day. In UTC an interval of a day has 24 hours
-- change: first version
CREATE FUNCTION frontview.end_of_day(p_moment timestamptz, p_zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    day date := (p_moment AT TIME ZONE p_zone)::date;
    midnight timestamp := day + 1;
    before timestamptz := date_trunc('second', p_moment);
    after timestamptz;
    ahead interval;
    half timestamptz;
BEGIN
    LOOP
        after := before + (midnight - before AT TIME ZONE p_zone);
        IF after AT TIME ZONE p_zone = midnight THEN
            RETURN after;
        END IF;
        -- The clocks are moved in between: the search by halves finds the first instant with another offset from UTC.
        ahead := before AT TIME ZONE p_zone - before AT TIME ZONE 'UTC';
        WHILE after - before > interval '1 second' LOOP
            half := date_trunc('second', before + (after - before) / 2);
            IF half AT TIME ZONE p_zone - half AT TIME ZONE 'UTC' = ahead THEN
                before := half;
            ELSE
                after := half;
            END IF;
        END LOOP;
        IF (after AT TIME ZONE p_zone)::date <> day THEN
            RETURN after;
        END IF;
        before := after;
    END LOOP;
END
$$
