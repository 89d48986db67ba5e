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
  verbs: [update, patch]
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
  resources: [pods, persistentvolumeclaims]
  verbs: [get, list, watch, patch, delete]
# Its own are written; those of a StatefulSet tell why no pod is made.
- apiGroups: ['']
  resources: [events]
  verbs: [list, create, patch]
{{- if .Values.rbac.secrets }}
# Certificates for TLS towards members. By name, one at a time.
- apiGroups: ['']
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end -}}
