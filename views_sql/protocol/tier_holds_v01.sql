-- tier_holds, version 1: returns whether a tier holds a day; a change without a day (-infinity) is held by every tier
-- one boolean; p_first_day and p_before_day are those of the tier's row of view_state
-- reads nothing; has no SET clause, so that PostgreSQL can put its body into the query of a caller who may execute it
-- the last tier holds every day from its first day on, and the day infinity too; no tier holds a sealed day
-- change: first version
CREATE FUNCTION frontview.tier_holds(p_first_day date, p_before_day date, p_day date) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_day = '-infinity' OR (p_day >= p_first_day AND (p_before_day = 'infinity' OR p_day < p_before_day))
