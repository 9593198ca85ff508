#!/usr/bin/env bash
# PostgreSQL wants its key to be its own and closed to others: take a copy, then start.
set -euo pipefail

install --directory --owner=postgres --group=postgres --mode=0700 /run/florin
install --owner=postgres --group=postgres --mode=0600 \
    /certs/postgres.pem /certs/postgres.key /certs/ca.pem /run/florin/
exec docker-entrypoint.sh postgres \
    -c ssl=on \
    -c ssl_min_protocol_version=TLSv1.3 \
    -c ssl_cert_file=/run/florin/postgres.pem \
    -c ssl_key_file=/run/florin/postgres.key \
    -c ssl_ca_file=/run/florin/ca.pem \
    -c hba_file=/etc/florin/pg_hba.conf \
    -c max_connections=200
