-- user_{{number}}_shown, version 1: what every answer shows of a user: name, zone and the day that it is there
-- one row, also for a key that is no user's; name NULL where none is declared
-- reads the view of users of its declaration, by key; the web's role calls it with its owner's rights
-- change: first version
CREATE FUNCTION frontview.user_{{number}}_shown(p_user frontview.user_key)
RETURNS TABLE (name text, zone text, today date)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
    SELECT {{name}}, {{zone}}, (now() AT TIME ZONE {{zone}})::date
$$
