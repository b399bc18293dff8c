#!/bin/sh
# Health of the gateway, of each subgraph and of the constitution; ends with 6 when something is not right. Options and a service are passed on: health_check.sh --constitutional-hash=HASH [SERVICE].
set -eu
acgs() { node "$(dirname "$0")/../../dist/ops/cli/main.js" "$@"; }
acgs health "$@"
