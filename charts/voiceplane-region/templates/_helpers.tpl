{{- define "region.labels" -}}
app.kubernetes.io/part-of: voiceplane
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "region.image" -}}
{{- $repository := .image.repository -}}
{{- if .image.registry }}{{ $repository = printf "%s/%s" .image.registry $repository }}{{ end -}}
{{- if .image.digest }}{{ printf "%s@%s" $repository .image.digest }}{{ else }}{{ printf "%s:%s" $repository (.image.tag | default .root.Chart.AppVersion) }}{{ end -}}
{{- end }}

{{/* Who acts for the hub. */}}
{{- define "region.subjects" -}}
{{- range .Values.hub.serviceAccounts }}
- {kind: ServiceAccount, name: {{ .name }}, namespace: {{ .namespace }}}
{{- end }}
{{- range .Values.hub.users }}
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: {{ . | quote }}}
{{- end }}
{{- if .Values.hub.remote.create }}
- {kind: ServiceAccount, name: {{ .Values.hub.remote.name }}, namespace: {{ .Values.namespace.name }}}
{{- end }}
{{- end }}

{{/* The settings of Kubernetes' restricted pod security standard. */}}
{{- define "region.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "region.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
