-- tier_holds, version 1: whether a tier holds a day; true for -infinity, a change without a day, in every tier
-- one boolean; p_first_day and p_before_day are those of the tier's row of view_state
-- reads nothing. PostgreSQL puts its body into the query that calls it, if the caller may execute it: no SET here
-- the last tier holds every day from its first day on, the day infinity too
-- change: first version
CREATE FUNCTION frontview.tier_holds(p_first_day date, p_before_day date, p_day date) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_day = '-infinity' OR (p_day >= p_first_day AND (p_before_day = 'infinity' OR p_day < p_before_day))
