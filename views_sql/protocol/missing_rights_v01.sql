-- missing_rights, version 1: returns the rights that the roles of refresher and web should have and do not
-- one row a right: the role, and the GRANT that gives it; all of them where the role does not exist
-- reads role_right (what migrations say) and source, view_state: what the audit reads follows from what is registered
-- the refresher may read only the user key of a captured table, and of a row view; a right that PUBLIC has does not count
-- change: first version
CREATE FUNCTION frontview.missing_rights() RETURNS TABLE (role text, statement text, view text, tier text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH wanted AS (
    SELECT r.role, r.privilege, r.columns, c.oid AS relation, NULL::oid AS function, NULL AS view, NULL AS tier
    FROM frontview.role_right r JOIN pg_class c ON c.oid = to_regclass(r.object) WHERE r.privilege <> 'EXECUTE'
    UNION ALL
    SELECT r.role, r.privilege, '{}', NULL, p.oid, NULL, NULL
    FROM frontview.role_right r JOIN pg_proc p ON 'frontview.' || p.proname = r.object
    WHERE r.privilege = 'EXECUTE' AND p.pronamespace = 'frontview'::regnamespace
    UNION ALL
    SELECT 'frontview_refresher', 'SELECT', ARRAY[s.user_column], s.relation, NULL, NULL, NULL FROM frontview.source s
    UNION ALL
    SELECT 'frontview_refresher', 'SELECT', '{user_key}', c.oid, NULL, NULL, NULL
    FROM frontview.source s JOIN pg_class c ON c.oid = frontview.rows_of_source(s.source)
    UNION ALL
    SELECT 'frontview_refresher', 'SELECT', '{}', c.oid, NULL, v.view, v.tier
    FROM frontview.view_state v JOIN pg_class c ON c.oid = to_regclass(v.relation)
    UNION ALL
    SELECT 'frontview_refresher', 'SELECT', '{}', c.oid, NULL, NULL, NULL
    FROM (SELECT DISTINCT s.view FROM frontview.view_state s) v
    JOIN pg_class c ON c.oid = to_regclass(format('frontview.%I', v.view || '_live'))
    UNION ALL
    SELECT 'frontview_refresher', 'EXECUTE', '{}', NULL, p.oid, NULL, NULL
    FROM (SELECT DISTINCT s.view FROM frontview.view_state s) v
    JOIN pg_proc p ON p.proname IN (
        v.view || '_merged', v.view || '_by_day_merged',
        v.view || '_compact', v.view || '_move_horizon', v.view || '_rebuild',
        v.view || '_seal', v.view || '_compare_sealed', v.view || '_erase'
    )
    WHERE p.pronamespace = 'frontview'::regnamespace
), schema_wanted AS (
    SELECT 'frontview_web' AS role, 'frontview'::regnamespace AS namespace
    UNION
    SELECT 'frontview_refresher', 'frontview'::regnamespace
    UNION
    SELECT 'frontview_refresher', c.relnamespace FROM frontview.source s JOIN pg_class c ON c.oid = s.relation
)
SELECT w.role, format('GRANT USAGE ON SCHEMA %s TO %I', w.namespace, w.role), NULL, NULL
FROM schema_wanted w
WHERE COALESCE(NOT has_schema_privilege(to_regrole(w.role), w.namespace, 'USAGE'), TRUE)
UNION ALL
SELECT DISTINCT
    w.role,
    format(
        'GRANT %s%s ON %s TO %I', w.privilege,
        ' (' || NULLIF((SELECT string_agg(quote_ident(n), ', ') FROM unnest(w.columns) n), '') || ')',
        COALESCE('FUNCTION ' || w.function::regprocedure, 'TABLE ' || w.relation::regclass), w.role
    ),
    w.view, w.tier
FROM wanted w
LEFT JOIN pg_class c ON c.oid = w.relation
LEFT JOIN pg_proc p ON p.oid = w.function
WHERE NOT EXISTS (
    SELECT FROM aclexplode(COALESCE(c.relacl, p.proacl)) held
    WHERE held.grantee = to_regrole(w.role) AND held.privilege_type = w.privilege
)
AND (w.columns = '{}' OR EXISTS (
    SELECT FROM unnest(w.columns) n JOIN pg_attribute a ON a.attrelid = w.relation AND a.attname = n
    WHERE NOT EXISTS (
        SELECT FROM aclexplode(a.attacl) held
        WHERE held.grantee = to_regrole(w.role) AND held.privilege_type = w.privilege
    )
))
$$
