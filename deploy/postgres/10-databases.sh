#!/usr/bin/env bash
# Runs once on an empty PostgreSQL: a login and a database for every service that has one.
# A role reaches its own database only.
set -euo pipefail

for role in cif account payment reporting; do
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --set role="$role" --set password="$FLORIN_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done
