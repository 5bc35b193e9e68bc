{{/*
What values.schema.json can't say. Every mistake is reported at once, with the
value and the way out.
*/}}
{{- define "secret-sync.validate" -}}
{{- $errors := list -}}
{{- $v := .Values -}}

{{- range $field := list "exports" "imports" -}}
{{- $seen := dict -}}
{{- range $i, $entry := index $v $field -}}
{{- if hasKey $seen $entry.namespace -}}
{{- $errors = append $errors (printf "%s[%d].namespace: %q is listed twice; merge the two entries" $field $i $entry.namespace) -}}
{{- end -}}
{{- $_ := set $seen $entry.namespace true -}}
{{- end -}}
{{- end -}}

{{- range $i, $entry := $v.exports -}}
{{- if has "pgo-root-cacert" ($entry.secrets | default list) -}}
{{- $errors = append $errors (printf "exports[%d].secrets: pgo-root-cacert holds the private key of every cluster's authority; list <cluster>-cluster-cert instead" $i) -}}
{{- end -}}
{{- if and $entry.repair $entry.secrets (empty (include "secret-sync.repairable" $entry | fromJsonArray)) -}}
{{- $errors = append $errors (printf "exports[%d].repair: none of the listed secrets is a user's; add <cluster>-pguser-<user>, or drop repair" $i) -}}
{{- end -}}
{{- end -}}

{{- if $v.clusterWide -}}
{{- if $v.exports -}}
{{- $errors = append $errors "exports: clusterWide gives these rights in every namespace, so the list restricts nothing; remove it, or set clusterWide to false" -}}
{{- end -}}
{{- range $i, $entry := $v.imports -}}
{{- if not $entry.freeze -}}
{{- $errors = append $errors (printf "imports[%d]: clusterWide gives these rights in every namespace, so the entry restricts nothing; remove it, or set clusterWide to false (an entry with freeze: true may stay)" $i) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- $own := keys (include "secret-sync.labels" (dict "Values" (dict) "Chart" .Chart "Release" .Release "Template" .Template) | fromYaml) -}}
{{- range $where, $labels := dict "commonLabels" $v.commonLabels "podLabels" $v.podLabels "serviceMonitor.labels" $v.serviceMonitor.labels "prometheusRule.labels" $v.prometheusRule.labels -}}
{{- range $label := keys (default dict $labels) | sortAlpha -}}
{{- if has $label $own -}}
{{- $errors = append $errors (printf "%s: %s is the chart's own, and its objects are found by such labels; choose another" $where $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if and (gt (int $v.replicas) 1) (not $v.leaderElection.enabled) -}}
{{- $errors = append $errors "leaderElection.enabled: more than one replica needs leader election; set it to true, or replicas to 1" -}}
{{- end -}}
{{- if and $v.podDisruptionBudget.enabled (le (int $v.replicas) (int $v.podDisruptionBudget.minAvailable)) -}}
{{- $errors = append $errors (printf "podDisruptionBudget.minAvailable: %d of %d replicas would hold up every drain of a node; set replicas to %d, or podDisruptionBudget.enabled to false" (int $v.podDisruptionBudget.minAvailable) (int $v.replicas) (add1 (int $v.podDisruptionBudget.minAvailable))) -}}
{{- end -}}
{{- if and (not $v.serviceAccount.create) (not $v.serviceAccount.name) -}}
{{- $errors = append $errors "serviceAccount.name: with serviceAccount.create false, name the ServiceAccount that gets the rights" -}}
{{- end -}}
{{- if and $v.serviceMonitor.enabled (not $v.metrics.service.enabled) -}}
{{- $errors = append $errors "serviceMonitor.enabled: a ServiceMonitor selects the metrics Service; set metrics.service.enabled to true" -}}
{{- end -}}

{{- if $errors -}}
{{- fail (printf "\n  - %s\n" (join "\n  - " $errors)) -}}
{{- end -}}
{{- end -}}
