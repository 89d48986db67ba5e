{{/* What the cluster of this release is called, and how its objects are labelled. */}}

{{/* Refused here, as the API server would refuse the GraveyarCluster alone and leave the rest of the release behind. */}}
{{- define "graveyar-db.cluster" -}}
{{- $name := default .Release.Name .Values.fullnameOverride -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "%q cannot be the name of a cluster, which starts with a letter and has lower-case letters, digits and dashes only: set fullnameOverride" $name) -}}
{{- end -}}
{{- if gt (len $name) 40 -}}
{{- fail (printf "%q has %d characters, and the name of a cluster at most 40: set fullnameOverride" $name (len $name)) -}}
{{- end -}}
{{- $name -}}
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

{{/* The Secret with a certificate of a client, where clients need one; nothing where they do not. */}}
{{- define "graveyar-db.client-secret" -}}
{{- with (.Values.tls).client -}}
{{- if .clientAuthoritySecretName -}}
{{- required "tls.client.operatorSecretName goes with tls.client.clientAuthoritySecretName" (default .operatorSecretName $.Values.test.secretName) -}}
{{- end -}}
{{- end -}}
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
