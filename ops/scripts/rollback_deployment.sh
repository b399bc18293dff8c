#!/bin/sh
# Points a service back at its last healthy instance: rollback_deployment.sh --to-previous-version SERVICE --reason TEXT [--incident ID] [--yes].
set -eu
acgs() { node "$(dirname "$0")/../../dist/ops/cli/main.js" "$@"; }
acgs rollback "$@"
