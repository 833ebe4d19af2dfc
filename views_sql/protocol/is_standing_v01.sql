-- is_standing, version 1: returns whether a declaration has its objects: it waits, is active or is retired
-- FALSE, too, if there is no such declaration
-- reads declaration; migrations neither make nor drop the objects of one that stands
-- change: first version
CREATE FUNCTION frontview.is_standing(p_number integer) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT EXISTS (SELECT FROM frontview.declaration d WHERE d.number = p_number AND d.gone_at IS NULL)
$$
