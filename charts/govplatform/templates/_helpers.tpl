{{/* Labels of every object; selectors use a part that never changes. */}}
{{- define "govplatform.labels" -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/name: govplatform
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "govplatform.selectorLabels" -}}
app.kubernetes.io/name: govplatform
control-plane: controller-manager
{{- end }}

{{/* The operator's image: a digest wins over a tag. */}}
{{- define "govplatform.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The settings: the shipped file as it is, or with the values laid over it. */}}
{{- define "govplatform.config" -}}
{{- $shipped := .Files.Get "files/config.yaml" -}}
{{- if .Values.config -}}
{{ mergeOverwrite (fromYaml $shipped) (deepCopy .Values.config) | toYaml }}
{{- else -}}
{{ $shipped }}
{{- end -}}
{{- end }}
