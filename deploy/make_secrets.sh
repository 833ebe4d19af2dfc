#!/bin/sh
# Makes the files that compose.yaml names, in deploy/secrets: random passwords, the URLs that hold them, a token secret.
# Files that are there stay as they are.
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
# containers read them as a user of their own
chmod 0444 ./*
