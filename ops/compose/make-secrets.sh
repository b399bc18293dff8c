#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, where they are missing. Run once before the first start.
#   ops/compose/make-secrets.sh [DIRECTORY]   default .secrets beside docker-compose.yml
set -eu
directory=${1:-"$(dirname "$0")/../../.secrets"}
mkdir -p "$directory"
# The folder keeps others out; the files are mounted one by one and must be readable for the processes' own accounts.
chmod 700 "$directory"

put() {
  if [ ! -s "$directory/$1" ]; then
    printf '%s\n' "$2" > "$directory/$1"
    chmod 444 "$directory/$1"
    echo "made $1"
  fi
}
random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }

put postgres_password "$(random)"
put replication_password "$(random)"
put redis_password "$(random)"
put grafana_password "$(random)"
put database_url "postgres://acgs_user:$(cat "$directory/postgres_password")@postgres-primary:5432/acgs"
put redis_url "redis://:$(cat "$directory/redis_password")@redis:6379"
