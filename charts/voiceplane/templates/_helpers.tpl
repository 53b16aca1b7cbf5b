{{- define "voiceplane.labels" -}}
app.kubernetes.io/part-of: voiceplane
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What a Deployment selects by: never changes, whatever the version. */}}
{{- define "voiceplane.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "voiceplane.image" -}}
{{- $repository := .image.repository -}}
{{- if .root.Values.image.registry }}{{ $repository = printf "%s/%s" .root.Values.image.registry $repository }}{{ end -}}
{{- if .image.digest }}{{ printf "%s@%s" $repository .image.digest }}{{ else }}{{ printf "%s:%s" $repository (.image.tag | default .root.Chart.AppVersion) }}{{ end -}}
{{- end }}

{{/* The settings of Kubernetes' restricted pod security standard. */}}
{{- define "voiceplane.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "voiceplane.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
