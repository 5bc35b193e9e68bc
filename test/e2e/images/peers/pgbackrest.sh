#!/bin/bash
# What PGO's backup Jobs call as /opt/crunchy/bin/pgbackrest: it runs pgbackrest in the
# pod that the Job's environment names. PGO's own is part of its images, not of its module.
set -euo pipefail
pod=$(kubectl --namespace "$NAMESPACE" get pods --selector "$SELECTOR" --field-selector status.phase=Running --output name | head -n 1)
[[ -n $pod ]] || { echo "no pod runs in $NAMESPACE with the labels $SELECTOR" >&2; exit 1; }
# The shell over there takes the options apart, which may be quoted.
exec kubectl --namespace "$NAMESPACE" exec "$pod" --container "$CONTAINER" -- bash -c "exec pgbackrest $COMMAND $COMMAND_OPTS"
