-- objects_of_table, version 1: returns the objects of all declarations that a table is captured for, or that need these
-- one row an object; level: greater than that of each object that it needs; of several makings the active declaration's
-- a table that has another name than in its declaration is found while it is captured
-- reads declared_objects, source; only the owner may call it
-- change: first version
CREATE FUNCTION frontview.objects_of_table(p_table regclass) RETURNS TABLE (
    level integer, name text, kind text, relation text, views text [], make text [], removal text []
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE objects AS (
    SELECT DISTINCT ON (o.name) o.* FROM frontview.declared_objects() o
    ORDER BY o.name, o.active DESC, o.number DESC
), levels AS (
    SELECT o.name, 0 AS level FROM objects o
    UNION
    SELECT o.name, l.level + 1 FROM objects o JOIN levels l ON l.name = ANY (o.needs)
), affected AS (
    SELECT o.name FROM objects o
    WHERE o.kind = 'capture' AND (
        to_regclass(o.relation) = p_table
        OR EXISTS (SELECT FROM frontview.source s WHERE s.source = o.name AND s.relation = p_table)
    )
    UNION
    SELECT o.name FROM objects o JOIN affected a ON a.name = ANY (o.needs)
)
SELECT max(l.level), o.name, o.kind, o.relation, o.views, o.make, o.removal
FROM objects o JOIN affected a ON a.name = o.name JOIN levels l ON l.name = o.name
GROUP BY o.name, o.kind, o.relation, o.views, o.make, o.removal
$$
