{{- define "readiness-gate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Suffixes such as "-leader-election" are added to this, hence 40. */}}
{{- define "readiness-gate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "readiness-gate.serviceAccountName" -}}
{{- default (include "readiness-gate.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "readiness-gate.agentName" -}}
{{- include "readiness-gate.fullname" . }}-agent
{{- end -}}

{{/* The controller makes this Secret, and agents mount it. */}}
{{- define "readiness-gate.keySecret" -}}
{{- include "readiness-gate.fullname" . }}-agent-key
{{- end -}}

{{- define "readiness-gate.gateNamespace" -}}
{{- default .Release.Namespace .Values.gate.namespace -}}
{{- end -}}

{{- define "readiness-gate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "readiness-gate.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: controller
{{- end -}}

{{/* What an agent's pod proves of its node's sandboxes counts by the component's label. */}}
{{- define "readiness-gate.agentSelectorLabels" -}}
app.kubernetes.io/name: {{ include "readiness-gate.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: agent
{{- end -}}

{{- define "readiness-gate.labels" -}}
{{ include "readiness-gate.selectorLabels" . }}
{{ include "readiness-gate.commonLabels" . }}
{{- end -}}

{{- define "readiness-gate.agentLabels" -}}
{{ include "readiness-gate.agentSelectorLabels" . }}
{{ include "readiness-gate.commonLabels" . }}
{{- end -}}

{{- define "readiness-gate.commonLabels" -}}
app.kubernetes.io/part-of: rebirth
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "readiness-gate.image" -}}
{{- with .Values.image -}}
{{- with .registry }}{{ . }}/{{ end -}}
{{- .repository }}:{{ default $.Chart.AppVersion .tag -}}
{{- with .digest }}@{{ . }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "readiness-gate.agentImage" -}}
{{- with .Values.agent.image -}}
{{- with default $.Values.image.registry .registry }}{{ . }}/{{ end -}}
{{- .repository }}:{{ default $.Chart.AppVersion .tag -}}
{{- with .digest }}@{{ . }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "readiness-gate.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "readiness-gate.serviceAccountName" . | quote }}
    namespace: {{ .Release.Namespace | quote }}
{{- end -}}

{{/* Prometheus names a job after the Service that a ServiceMonitor selects. */}}
{{- define "readiness-gate.job" -}}
{{- default (include "readiness-gate.fullname" .) .Values.prometheusRule.job -}}
{{- end -}}

{{/*
The soft limit of Go's memory: nine tenths of the container's, so that the
garbage collector works harder before the kernel kills. Limits in other units
than Mi and Gi are passed on whole.
*/}}
{{- define "readiness-gate.memoryLimitEnv" -}}
{{- $limit := dig "limits" "memory" "" (default dict .Values.resources) | toString -}}
{{- if regexMatch "^[0-9]+[MG]i$" $limit -}}
{{- $number := regexFind "^[0-9]+" $limit | int -}}
{{- $mebibytes := ternary (mul $number 1024) $number (hasSuffix "Gi" $limit) -}}
- name: GOMEMLIMIT
  value: {{ printf "%dMiB" (div (mul $mebibytes 9) 10) }}
{{- else if $limit -}}
- name: GOMEMLIMIT
  valueFrom:
    resourceFieldRef:
      containerName: controller
      resource: limits.memory
{{- end -}}
{{- end -}}
