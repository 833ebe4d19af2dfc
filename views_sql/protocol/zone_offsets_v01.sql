-- zone_offsets, version 1: returns a hash of a time zone's offsets from UTC, hour by hour in the four years from p_since
-- one numeric, as the rules are that this session has read
-- reads nothing
-- some 20 ms a zone
-- change: first version
CREATE FUNCTION frontview.zone_offsets(p_zone text, p_since timestamptz) RETURNS numeric
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT sum(timestamp_hash_extended(t AT TIME ZONE p_zone, 0))
FROM generate_series(p_since, p_since + interval '4 years', '1 hour') t
$$
