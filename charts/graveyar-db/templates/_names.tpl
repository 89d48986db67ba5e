{{/* What the cluster of this release is called, and how its objects are labelled. */}}

{{- define "graveyar-db.cluster" -}}
{{- default .Release.Name .Values.fullnameOverride -}}
{{- end -}}

{{- define "graveyar-db.labels" -}}
{{- with .Values.labels }}
{{- toYaml . }}
{{ end -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ include "graveyar-db.cluster" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* What selects the cluster's pods, and its Services. */}}
{{- define "graveyar-db.selector" -}}
app.kubernetes.io/name: graveyar-db
graveyar.dev/cluster: {{ include "graveyar-db.cluster" . }}
{{- end -}}

{{- define "graveyar-db.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}
