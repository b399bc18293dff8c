#!/bin/sh
# Whether the constitution in force is the signed one, checked by the control plane itself; ends with 6 when not. --constitutional-hash=HASH also refuses another label.
set -eu
acgs() { node "$(dirname "$0")/../../dist/ops/cli/main.js" "$@"; }
acgs compliance validate "$@"
