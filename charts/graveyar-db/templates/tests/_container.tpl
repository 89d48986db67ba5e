{{/* A container of the test: the command line of the image, told where the cluster is. */}}
{{- define "graveyar-db.test-container" -}}
image: {{ include "graveyar-db.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args:
  {{- toYaml .args | nindent 2 }}
  - --timeout
  - 60s
  - --address
  - {{ .address }}
  {{- if .tls }}
  - --tls-ca
  - /etc/graveyar/authority/ca.crt
  {{- end }}
  {{- if .identity }}
  - --tls-cert
  - /etc/graveyar/identity/tls.crt
  - --tls-key
  - /etc/graveyar/identity/tls.key
  {{- end }}
env:
  - name: POD_UID
    valueFrom:
      fieldRef:
        fieldPath: metadata.uid
resources:
  requests:
    cpu: 10m
    memory: 64Mi
  limits:
    memory: 256Mi
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
{{- if .tls }}
volumeMounts:
  - name: authority
    mountPath: /etc/graveyar/authority
    readOnly: true
  {{- if .identity }}
  - name: identity
    mountPath: /etc/graveyar/identity
    readOnly: true
  {{- end }}
{{- end }}
{{- end -}}
