{{/* What the objects of this release are called, and how they are labelled. */}}

{{- define "graveyar-db-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Refused here, as the API server would refuse the Service alone and leave the rest of the release behind. */}}
{{- define "graveyar-db-operator.fullname" -}}
{{- $fullname := .Values.fullnameOverride -}}
{{- if not $fullname -}}
{{- $name := include "graveyar-db-operator.name" . -}}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $fullname = regexReplaceAll "-+$" ($whole | trunc 53) "" -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) -}}
{{- fail (printf "%q cannot be the name of the operator's objects, which starts with a letter and has lower-case letters, digits and dashes only: set fullnameOverride" $fullname) -}}
{{- end -}}
{{- $fullname -}}
{{- end -}}

{{- define "graveyar-db-operator.selector" -}}
app.kubernetes.io/name: {{ include "graveyar-db-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "graveyar-db-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "graveyar-db-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "graveyar-db-operator.account" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "graveyar-db-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else if and .Values.rbac.create (not .Values.serviceAccount.name) -}}
{{- fail (printf "serviceAccount.name is missing: with serviceAccount.create=false and none named, the operator's rights would go to the account default of the namespace %s, and with it to every pod there that names no account. Name one, or set rbac.create=false" .Release.Namespace) -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "graveyar-db-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}
