{{/*
What values.schema.json can't say. Every mistake is reported at once, with the
value and the way out.
*/}}
{{- define "readiness-gate.validate" -}}
{{- $errors := list -}}
{{- $v := .Values -}}

{{- $seen := dict -}}
{{- range $i, $entry := $v.gateNamespaces -}}
{{- if hasKey $seen $entry.namespace -}}
{{- $errors = append $errors (printf "gateNamespaces[%d].namespace: %q is listed twice; merge the two entries" $i $entry.namespace) -}}
{{- end -}}
{{- $_ := set $seen $entry.namespace true -}}
{{- end -}}
{{- if and (not $v.gate.enabled) (not $v.gateNamespaces) -}}
{{- $errors = append $errors "gateNamespaces: with gate.enabled false, list the namespaces of your ReadinessGates; without one the controller has nothing to do" -}}
{{- end -}}

{{- $own := keys (include "readiness-gate.labels" (dict "Values" (dict) "Chart" .Chart "Release" .Release "Template" .Template) | fromYaml) -}}
{{- range $where, $labels := dict "commonLabels" $v.commonLabels "podLabels" $v.podLabels "agent.podLabels" $v.agent.podLabels "serviceMonitor.labels" $v.serviceMonitor.labels "prometheusRule.labels" $v.prometheusRule.labels -}}
{{- range $label := keys (default dict $labels) | sortAlpha -}}
{{- if has $label $own -}}
{{- $errors = append $errors (printf "%s: %s is the chart's own, and its objects are found by such labels; choose another" $where $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if eq (int $v.metrics.port) (int $v.health.port) -}}
{{- $errors = append $errors (printf "health.port: %d is metrics.port too; choose another" (int $v.health.port)) -}}
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
