#!/bin/sh
# Another name of rollback_deployment.sh.
exec "$(dirname "$0")/rollback_deployment.sh" "$@"
