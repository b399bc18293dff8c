#!/bin/sh
# One incident with its deadlines, alerts and timeline: incident_report.sh --incident-id=INC-2026-001 [OPTIONS].
set -eu
acgs() { node "$(dirname "$0")/../../dist/ops/cli/main.js" "$@"; }
case "${1:-}" in
  --incident-id=?*) id=${1#--incident-id=}; shift ;;
  *) echo "usage: $0 --incident-id=ID [OPTIONS]" >&2; exit 2 ;;
esac
acgs incidents show "$id" "$@"
