#!/bin/sh
# The postgres image runs it in a new database: logins.sql with the passwords from its secrets.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v migrate_password="$(cat /run/secrets/migrate_password)" \
    -v refresher_password="$(cat /run/secrets/refresher_password)" \
    -v web_password="$(cat /run/secrets/web_password)" \
    -f /usr/local/share/frontview/logins.sql
