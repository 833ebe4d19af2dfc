-- grant_rights, version 1: gives the roles of refresher and web the rights that they should have and do not
-- returns how many rights it gave; skips a role that does not exist; may be repeated
-- reads missing_rights and role_right; only the owner may call it, and migrations do after whatever they create
-- a function that runs as its owner must have the fixed search_path; otherwise raises 42501
-- change: first version
CREATE FUNCTION frontview.grant_rights() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    given integer := 0;
BEGIN
    FOR wanted IN
        SELECT p.oid::regprocedure AS function, p.proconfig
        FROM frontview.role_right r JOIN pg_proc p ON 'frontview.' || p.proname = r.object
        WHERE r.as_owner AND p.pronamespace = 'frontview'::regnamespace AND NOT p.prosecdef
    LOOP
        IF array_position(wanted.proconfig, 'search_path=pg_catalog, pg_temp') IS NULL THEN
            RAISE EXCEPTION '% would run as its owner under the search_path of others', wanted.function
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER', wanted.function);
    END LOOP;
    FOR wanted IN
        SELECT m.statement, m.view, m.tier FROM frontview.missing_rights() m
        WHERE to_regrole(m.role) IS NOT NULL ORDER BY m.view, m.tier, m.statement
    LOOP
        -- The tier's gate (class "frvt"): without it a refresh that ends now and this GRANT could fail each other.
        IF wanted.tier IS NOT NULL THEN
            PERFORM pg_advisory_xact_lock(1718777460, hashtext(wanted.view || '/' || wanted.tier));
        END IF;
        EXECUTE wanted.statement;
        given := given + 1;
    END LOOP;
    RETURN given;
END
$$
