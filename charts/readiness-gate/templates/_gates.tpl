{{/*
The namespaces that gates may be in, as a JSON array: that of the chart's own gate,
and the value gateNamespaces. An entry without configMaps allows every name.
*/}}
{{- define "readiness-gate.gateNamespaces" -}}
{{- $entries := list -}}
{{- $own := dict -}}
{{- if .Values.gate.enabled -}}
{{- $own = dict "namespace" (include "readiness-gate.gateNamespace" .) "configMaps" (list .Values.gate.spec.publish.configMapName) -}}
{{- end -}}
{{- range .Values.gateNamespaces -}}
{{- $entry := . -}}
{{- if and $own (eq .namespace $own.namespace) -}}
{{- if .configMaps -}}
{{- $entry = dict "namespace" .namespace "configMaps" (concat $own.configMaps .configMaps | uniq) -}}
{{- end -}}
{{- $own = dict -}}
{{- end -}}
{{- $entries = append $entries $entry -}}
{{- end -}}
{{- if $own -}}{{- $entries = prepend $entries $own -}}{{- end -}}
{{- toJson $entries -}}
{{- end -}}

{{/* What a gate publishes under the names of an entry's configMaps: JSON array. */}}
{{- define "readiness-gate.published" -}}
{{- $names := list -}}
{{- range . -}}
{{- $names = append (append $names .) (printf "%s-report" .) -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}
