#!/bin/sh
# Creates the files in deploy/secrets that compose.yaml names: random passwords, URLs with them, and a token secret.
# Existing files are not changed.
set -eu
umask 077
folder="$(dirname "$0")/secrets"
mkdir -p "$folder"
cd "$folder"
random() { head -c 36 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }
keep() { [ -e "$1" ] || cat > "$1"; }
random | keep postgres_password
random | keep jwt_secret
for who in migrate refresher web; do
    random | keep "${who}_password"
    printf 'postgresql://frontview_%s_login:%s@postgres/frontview' "$who" "$(cat "${who}_password")" | keep "${who}_url"
done
# Containers read them as another user.
chmod 0444 ./*
