-- change_ratio, version 1: how much a measure changed, as a share of what it was
-- one numeric with four decimals; NULL when either is missing or the earlier one is 0
-- base tables: none
-- 0.25 means a quarter more
-- change: first version
CREATE FUNCTION by_hand.change_ratio(p_now numeric, p_before numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE
RETURN trim_scale(round((p_now - p_before) / NULLIF(p_before, 0), 4))
