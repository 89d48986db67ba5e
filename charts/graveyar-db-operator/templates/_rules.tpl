{{/*
What the operator may do in the namespaces of the clusters it operates. Nothing is deleted but what a step of a plan deletes: all
else goes with the GraveyarCluster that owns it.
*/}}
{{- define "graveyar-db-operator.rules" -}}
- apiGroups: [graveyar.dev]
  resources: [graveyarclusters]
  verbs: [get, list, watch]
- apiGroups: [graveyar.dev]
  resources: [graveyarclusters/status]
  verbs: [update]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: ['']
  resources: [services, serviceaccounts]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
# It can grant no more than it may do itself: members get, list and patch pods.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch]
- apiGroups: ['']
  resources: [pods]
  verbs: [get, list, watch, patch, delete]
- apiGroups: ['']
  resources: [persistentvolumeclaims]
  verbs: [list, watch, patch, delete]
# Its own are written; those of a StatefulSet tell why no pod is made.
- apiGroups: ['']
  resources: [events]
  verbs: [list, create, patch]
{{- if and .Values.rbac.secrets .Values.rbac.secretNames }}
{{- fail "rbac.secrets=true gives the right to read all Secrets, and rbac.secretNames to read those alone: set one of them" }}
{{- end }}
{{- if or .Values.rbac.secrets .Values.rbac.secretNames }}
# Certificates for TLS towards members. They are never listed or watched, which a list of names could not limit.
- apiGroups: ['']
  resources: [secrets]
  verbs: [get]
  {{- with uniq .Values.rbac.secretNames }}
  resourceNames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}
