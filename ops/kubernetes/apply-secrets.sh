#!/bin/sh
# Puts what "node dist/ops/provision/main.js keys --bundles" made into Secrets of the cluster.
#   ops/kubernetes/apply-secrets.sh DATA_DIRECTORY BUNDLES [NAMESPACE]   needs kubectl
set -eu
[ "$#" -ge 2 ] || { echo 'usage: apply-secrets.sh DATA_DIRECTORY BUNDLES [NAMESPACE]' >&2; exit 2; }
data=$1; bundles=$2; namespace=${3:-acgs}

# A file's name is its key, as the Deployments name it.
apply() {
  name=$1; shift
  folders=''
  for folder in "$@"; do if [ -d "$folder" ]; then folders="$folders --from-file=$folder"; fi; done
  # shellcheck disable=SC2086
  kubectl --namespace "$namespace" create secret generic "$name" $folders --dry-run=client --output=yaml | kubectl --namespace "$namespace" apply --filename=-
}

apply acgs-installation "$data/secrets" "$data/constitution" "$data/grants"
for bundle in "$bundles"/*; do
  apply "acgs-$(basename "$bundle")" "$bundle" "$bundle/secrets" "$bundle/constitution" "$bundle/grants"
done
