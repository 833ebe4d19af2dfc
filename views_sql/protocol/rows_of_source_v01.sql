-- rows_of_source, version 1: returns Frontview's own view of the rows of a declared source's table
-- one regclass; NULL where there is none. It follows a column of the host that is renamed; its user key is user_key
-- reads catalogs only
-- change: first version
CREATE FUNCTION frontview.rows_of_source(p_source text) RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN to_regclass(format('frontview.%I', CASE
    WHEN p_source ~ '^existence_[0-9]+_of_user$' THEN 'user_' || substring(p_source FROM '[0-9]+')
    WHEN p_source ~ '^facts_[0-9]+_of_user$' THEN 'user_' || substring(p_source FROM '[0-9]+') || '_facts'
    WHEN p_source ~ '_[0-9]+_list$' THEN p_source || 'ed'
    WHEN p_source ~ '_[0-9]+_label$' THEN p_source
    ELSE p_source || '_row'
END))
