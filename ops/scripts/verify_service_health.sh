#!/bin/sh
# Health of one service: verify_service_health.sh SERVICE; ends with 6 when it is not ready.
set -eu
[ "$#" -ge 1 ] || { echo "usage: $0 SERVICE [OPTIONS]" >&2; exit 2; }
exec "$(dirname "$0")/health_check.sh" "$@"
