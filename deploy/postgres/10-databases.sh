#!/usr/bin/env bash
# A login and a database for every service that `florin certs` listed, where they are
# missing. It runs by itself on an empty PostgreSQL; after a new service, run it again:
# `docker compose exec postgres bash /docker-entrypoint-initdb.d/10-databases.sh`.
# A role reaches its own database only.
set -euo pipefail

while read -r role; do
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --set role="$role" --set password="$FLORIN_DATABASE_PASSWORD" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :'role', :'password')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L',
              :'role', :'role', 'UTF8', 'C', 'C')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done < /certs/services.txt
