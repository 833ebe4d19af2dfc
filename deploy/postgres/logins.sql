-- Creates the roles, and a login for each kind of process. An administrator runs it once, before the migrations:
--   psql -v migrate_password=… -v refresher_password=… -v web_password=… -f deploy/postgres/logins.sql DATABASE_URL
-- Running it again sets the passwords again. Roles belong to all databases of a server.
\set ON_ERROR_STOP on
BEGIN;

SELECT format('CREATE ROLE %I NOLOGIN', r)
FROM unnest(ARRAY['frontview_owner', 'frontview_refresher', 'frontview_web']) r
WHERE to_regrole(r) IS NULL \gexec
SELECT format('CREATE ROLE %I LOGIN', r)
FROM unnest(ARRAY['frontview_migrate_login', 'frontview_refresher_login', 'frontview_web_login']) r
WHERE to_regrole(r) IS NULL \gexec

ALTER ROLE frontview_migrate_login PASSWORD :'migrate_password';
ALTER ROLE frontview_refresher_login PASSWORD :'refresher_password';
ALTER ROLE frontview_web_login PASSWORD :'web_password';

GRANT frontview_owner TO frontview_migrate_login;
GRANT frontview_refresher TO frontview_refresher_login;
GRANT frontview_web TO frontview_web_login;
-- Objects that a migration creates belong to the role and not to the login.
ALTER ROLE frontview_migrate_login SET role = 'frontview_owner';

SELECT format('GRANT CREATE, CONNECT, TEMPORARY ON DATABASE %I TO frontview_owner', current_database()) \gexec
GRANT CREATE, USAGE ON SCHEMA public TO frontview_owner;
COMMIT;
