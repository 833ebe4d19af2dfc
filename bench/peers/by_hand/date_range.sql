-- date_range, version 1: returns the days a question is about, with defaults filled in, and until when they hold
-- one row: first_day, last_day, valid_until (when the user's day ends if "to" was left out, else NULL)
-- base tables: users (the time zone); no row when there is no such user
-- raises FV002, invalid parameter, for a range that runs backwards or holds more than 400 days
-- change: first version
CREATE FUNCTION by_hand.date_range(
    p_user frontview.user_key, p_from date, p_to date,
    OUT first_day date, OUT last_day date, OUT valid_until timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    zone text;
    today date;
BEGIN
    SELECT u.timezone INTO zone FROM public.users u WHERE u.id = p_user;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    today := (now() AT TIME ZONE zone)::date;
    last_day := COALESCE(p_to, today);
    first_day := COALESCE(p_from, last_day - 29);
    IF first_day > last_day THEN
        RAISE EXCEPTION '"from" (%) is after "to" (%)', first_day, last_day
            USING ERRCODE = 'FV002', COLUMN = 'from';
    ELSIF last_day - first_day >= 400 THEN
        RAISE EXCEPTION 'the range % to % holds % days; at most 400 are allowed',
            first_day, last_day, last_day - first_day + 1 USING ERRCODE = 'FV002', COLUMN = 'from';
    END IF;
    IF p_to IS NULL THEN
        valid_until := frontview.end_of_day(now(), zone);
    END IF;
    RETURN NEXT;
END
$$
