-- is_standing, version 1: returns whether a declaration has its objects: it waits, is active or is retired
-- FALSE, too, if there is no such declaration; p_hash: its hash, NULL: whatever it is
-- reads declaration; migrations neither make nor drop the objects of one that stands
-- raises 55000 when another declaration has the number, as where revisions were planned against another database
-- change: first version
CREATE FUNCTION frontview.is_standing(p_number integer, p_hash text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM frontview.declaration d WHERE d.number = p_number AND d.hash <> p_hash) THEN
        RAISE EXCEPTION 'another declaration has the number %: take these files away, and plan again with this database',
            p_number USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN EXISTS (SELECT FROM frontview.declaration d WHERE d.number = p_number AND d.gone_at IS NULL);
END
$$
