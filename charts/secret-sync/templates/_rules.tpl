{{/*
Rights on one export namespace. The argument is an entry of .Values.exports, or
an empty dict for the same rights on every namespace.
*/}}
{{- define "secret-sync.exportRules" -}}
- apiGroups: [""]
  resources: [secrets]
  {{- with .secrets }}
  resourceNames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  verbs: [get, list, watch]
{{- if .repair }}
# spec.repair empties the key "verifier" of a user's Secret.
- apiGroups: [""]
  resources: [secrets]
  {{- with include "secret-sync.repairable" . | fromJsonArray }}
  resourceNames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  verbs: [patch]
{{- end }}
- apiGroups: [postgres-operator.crunchydata.com]
  resources: [postgresclusters]
  verbs: [get, list, watch]
{{- end -}}

{{/* Those of an export entry's Secrets that repair may patch, as a JSON array. */}}
{{- define "secret-sync.repairable" -}}
{{- $users := list -}}
{{- range .secrets -}}
{{- if contains "-pguser-" . -}}{{- $users = append $users . -}}{{- end -}}
{{- end -}}
{{- toJson $users -}}
{{- end -}}

{{/* Rights on one import namespace, but for freeze. */}}
{{- define "secret-sync.importRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list]
- apiGroups: [external-secrets.io]
  resources: [externalsecrets]
  verbs: [get]
{{- end -}}

{{/* The right that method Freeze needs on one import namespace. */}}
{{- define "secret-sync.freezeRules" -}}
- apiGroups: [external-secrets.io]
  resources: [externalsecrets]
  verbs: [patch]
{{- end -}}
