{{- define "secret-sync.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Suffixes such as "-leader-election" are added to this, hence 40. */}}
{{- define "secret-sync.fullname" -}}
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

{{- define "secret-sync.serviceAccountName" -}}
{{- default (include "secret-sync.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "secret-sync.selectorLabels" -}}
app.kubernetes.io/name: {{ include "secret-sync.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "secret-sync.labels" -}}
{{ include "secret-sync.selectorLabels" . }}
app.kubernetes.io/component: controller
app.kubernetes.io/part-of: rebirth
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "secret-sync.image" -}}
{{- with .Values.image -}}
{{- with .registry }}{{ . }}/{{ end -}}
{{- .repository }}:{{ default $.Chart.AppVersion .tag -}}
{{- with .digest }}@{{ . }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "secret-sync.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "secret-sync.serviceAccountName" . | quote }}
    namespace: {{ .Release.Namespace | quote }}
{{- end -}}

{{/* Prometheus names a job after the Service that a ServiceMonitor selects. */}}
{{- define "secret-sync.job" -}}
{{- default (include "secret-sync.fullname" .) .Values.prometheusRule.job -}}
{{- end -}}

{{/*
The soft limit of Go's memory: nine tenths of the container's, so that the
garbage collector works harder before the kernel kills. Limits in other units
than Mi and Gi are passed on whole.
*/}}
{{- define "secret-sync.memoryLimitEnv" -}}
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
