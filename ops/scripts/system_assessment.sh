#!/bin/sh
# What an incident is judged by: the whole picture, firing alerts, open incidents, what was deployed last. --comprehensive adds the audit log of the day.
set -u
acgs() { node "$(dirname "$0")/../../dist/ops/cli/main.js" "$@"; }
comprehensive=false
if [ "${1:-}" = --comprehensive ]; then comprehensive=true; shift; fi
worst=0
note() { if [ "$worst" -eq 0 ]; then worst=$1; fi; }
echo '== Status';       acgs status "$@" || note $?
echo '== Alerts';       acgs alerts list --state FIRING "$@" || note $?
echo '== Incidents';    acgs incidents list "$@" || note $?
echo '== Deployments';  acgs deployments list "$@" || note $?
if [ "$comprehensive" = true ]; then
  echo '== Audit log';  acgs audit list --since today "$@" || note $?
fi
exit "$worst"
