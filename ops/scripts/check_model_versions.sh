#!/bin/sh
# Model versions with what they measured and their aliases: check_model_versions.sh [--name MODEL].
set -eu
acgs() { node "$(dirname "$0")/../../dist/ops/cli/main.js" "$@"; }
acgs models list "$@"
