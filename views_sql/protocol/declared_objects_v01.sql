-- declared_objects, version 1: returns the objects of declarations, with what makes and what drops each
-- one row an object of a declaration that stands, or of one that is gone; place: in the order in which they are made; relation: of capture, the table's name
-- reads declaration, whose rows only the owner writes: what is returned here is run
-- change: first version
CREATE FUNCTION frontview.declared_objects(p_standing boolean DEFAULT TRUE) RETURNS TABLE (
    number integer, active boolean, place bigint, name text, kind text, relation text, views text [], needs text [],
    make text [], removal text []
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    d.number, d.active, o.place, o.object ->> 'name', o.object ->> 'kind', o.object ->> 'table',
    ARRAY(SELECT jsonb_array_elements_text(o.object -> 'views')),
    ARRAY(SELECT jsonb_array_elements_text(o.object -> 'needs')),
    ARRAY(
        SELECT d.ddl[m.place::integer + 1]
        FROM jsonb_array_elements_text(o.object -> 'make') WITH ORDINALITY m (place, n) ORDER BY m.n
    ),
    ARRAY(SELECT jsonb_array_elements_text(o.object -> 'drop'))
FROM frontview.declaration d
CROSS JOIN LATERAL jsonb_array_elements(d.resolved -> 'objects') WITH ORDINALITY o (object, place)
WHERE (d.gone_at IS NULL) = p_standing
$$
