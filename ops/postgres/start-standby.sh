#!/bin/sh
# Starts a standby, copying the primary first where there is no data yet.
#   PRIMARY_HOST, PRIMARY_PORT (5432), STANDBY_NAME, REPLICATION_PASSWORD_FILE, PGDATA, CONFIG_FILE, BIN (folder of the programs, with a slash)
set -eu
umask 077
port=${PRIMARY_PORT:-5432}
bin=${BIN:-}
passfile=${STANDBY_PASSFILE:-"$(dirname "$PGDATA")/.pgpass-$STANDBY_NAME"}
printf '%s:%s:*:acgs_replication:%s\n' "$PRIMARY_HOST" "$port" "$(cat "$REPLICATION_PASSWORD_FILE")" > "$passfile"
conninfo="host=$PRIMARY_HOST port=$port user=acgs_replication application_name=$STANDBY_NAME passfile=$passfile connect_timeout=5"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # A copy that was broken off is no data directory: it is made beside its place and renamed.
  rm -rf "$PGDATA.copying"
  attempts=0
  until "${bin}pg_basebackup" --dbname="$conninfo" --pgdata="$PGDATA.copying" --wal-method=stream --checkpoint=fast --slot="$STANDBY_NAME"; do
    attempts=$((attempts + 1))
    [ "$attempts" -lt 60 ] || { echo "start-standby.sh: $PRIMARY_HOST:$port could not be copied" >&2; exit 1; }
    rm -rf "$PGDATA.copying"
    sleep 2
  done
  touch "$PGDATA.copying/standby.signal"
  rmdir "$PGDATA" 2>/dev/null || true
  mv "$PGDATA.copying" "$PGDATA"
fi
# A standby that was promoted and is no standby any longer is left to failover to sort out.
if [ ! -e "$PGDATA/standby.signal" ]; then
  echo "start-standby.sh: $PGDATA holds a primary; rejoin it by pg_rewind or remove it (docs/deployment.md)" >&2
  exit 1
fi
exec "${bin}postgres" -D "$PGDATA" -c config_file="$CONFIG_FILE" -c hba_file="$PGDATA/pg_hba.conf" -c ident_file="$PGDATA/pg_ident.conf" \
  -c primary_conninfo="$conninfo" -c primary_slot_name="$STANDBY_NAME" "$@"
