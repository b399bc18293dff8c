#!/bin/sh
# Puts what "node dist/ops/provision/main.js keys --bundles" made into Secrets of the cluster.
#   ops/kubernetes/apply-secrets.sh DATA_DIRECTORY BUNDLES [NAMESPACE]   needs kubectl
set -eu
[ "$#" -ge 2 ] || { echo 'usage: apply-secrets.sh DATA_DIRECTORY BUNDLES [NAMESPACE]' >&2; exit 2; }
data=$1; bundles=$2; namespace=${3:-acgs}

# A file's name is its key, as the Deployments name it; of two that are called public.jwk.json one has its folder before it.
apply() {
  name=$1; root=$2; shift 2
  folders=''
  for folder in "$@"; do if [ -d "$folder" ]; then folders="$folders --from-file=$folder"; fi; done
  registry="$root/schema-registry/public.jwk.json"
  if [ -f "$registry" ]; then folders="$folders --from-file=schema-registry.public.jwk.json=$registry"; fi
  # shellcheck disable=SC2086
  kubectl --namespace "$namespace" create secret generic "$name" $folders --dry-run=client --output=yaml | kubectl --namespace "$namespace" apply --filename=-
}

apply acgs-installation "$data" "$data/secrets" "$data/constitution" "$data/grants"
for bundle in "$bundles"/*; do
  apply "acgs-$(basename "$bundle")" "$bundle" "$bundle" "$bundle/secrets" "$bundle/constitution" "$bundle/grants"
done
