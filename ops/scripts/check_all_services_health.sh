#!/bin/sh
# Another name of health_check.sh.
exec "$(dirname "$0")/health_check.sh" "$@"
