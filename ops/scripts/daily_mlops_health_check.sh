#!/bin/sh
# The morning check: health, critical alerts, open incidents, compliance of the week, completeness of the audit log. Every part is shown; it ends with the first code that is not 0.
set -u
acgs() { node "$(dirname "$0")/../../dist/ops/cli/main.js" "$@"; }
worst=0
note() { if [ "$worst" -eq 0 ]; then worst=$1; fi; }
echo '== Services';         acgs health "$@" || note $?
echo '== Critical alerts';  acgs alerts list --state FIRING --level CRITICAL "$@" || note $?
echo '== Incidents';        acgs incidents list --limit 10 "$@" || note $?
echo '== Compliance';       acgs compliance trend --days 7 "$@" || note $?
echo '== Audit log';        acgs audit completeness "$@" || note $?
exit "$worst"
