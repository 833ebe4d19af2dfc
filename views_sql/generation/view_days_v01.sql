-- {{name}}_days, version 1: returns the live rows of one user on the days p_first to p_last
-- one row a unique key of {{name}}; days may be infinite
-- reads {{name}}_row by one range of an index on user and time, whose bounds are wider than the days
-- has no SET clause, so that PostgreSQL can put its body into the query of its caller
-- change: first version
CREATE FUNCTION frontview.{{name}}_days(
    p_user frontview.user_key, p_first date, p_last date
) RETURNS SETOF frontview.{{name}}_live
LANGUAGE sql STABLE
BEGIN ATOMIC
{{select}};
END
