{{- define "phoneops.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "phoneops.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "phoneops.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "phoneops.selectorLabels" -}}
app.kubernetes.io/name: {{ include "phoneops.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "phoneops.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "phoneops.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What the pod that serves phones has besides: it sets the last one by itself. */}}
{{- define "phoneops.activeLabels" -}}
{{ include "phoneops.selectorLabels" . }}
phoneops.dev/active: "true"
{{- end -}}

{{/* Not the full name: another shard is another service, and a change of the full name is none. */}}
{{- define "phoneops.shard" -}}
{{- default .Release.Name .Values.shard -}}
{{- end -}}

{{- define "phoneops.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "phoneops.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "phoneops.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The namespaces that are served, as {"all": […]}. */}}
{{- define "phoneops.namespaces" -}}
{{- dict "all" (default (list .Release.Namespace) .Values.namespaces | uniq) | toYaml -}}
{{- end -}}

{{/* The Secret with the certificate for phones; empty when each pod makes its own. */}}
{{- define "phoneops.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled -}}
{{- printf "%s-tls" (include "phoneops.fullname" .) -}}
{{- else -}}
{{- .Values.tls.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* Settings that do not go together; said before anything is made. */}}
{{- define "phoneops.check" -}}
{{- if and .Values.persistence.enabled (gt (int .Values.replicas) 1) -}}
{{- fail "persistence.enabled: a volume serves one replica; set replicas to 1, or leave it to the cluster, which keeps what must not be forgotten" -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled .Values.tls.existingSecret -}}
{{- fail "tls: either existingSecret or certManager" -}}
{{- end -}}
{{- if and .Values.poll.enabled (not .Values.publicAddress) (not .Values.poll.url) -}}
{{- fail "poll.enabled: phones are told where to poll; set publicAddress, or poll.url" -}}
{{- end -}}
{{- if gt (len (include "phoneops.shard" .)) 47 -}}
{{- fail "shard: the name may have 47 characters, for the names that are made from it" -}}
{{- end -}}
{{- end -}}
