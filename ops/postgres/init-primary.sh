#!/bin/sh
# Run once by the image on a new primary: the role that standbys replicate with, and a slot for each of them.
set -eu
password=$(cat "$REPLICATION_PASSWORD_FILE")
psql -v ON_ERROR_STOP=1 -v password="$password" --username "$POSTGRES_USER" --dbname postgres --no-psqlrc <<'SQL'
CREATE ROLE acgs_replication REPLICATION LOGIN PASSWORD :'password';
SELECT pg_create_physical_replication_slot('standby_1');
SELECT pg_create_physical_replication_slot('standby_2');
SQL
# scram only, and replication by its own role only.
cat > "$PGDATA/pg_hba.conf" <<'HBA'
local   all          all                            scram-sha-256
host    all          all               all          scram-sha-256
host    replication  acgs_replication  all          scram-sha-256
HBA
