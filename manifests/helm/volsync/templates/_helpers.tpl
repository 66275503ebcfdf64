{{- define "volsync.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name, with the chart's behind it unless it holds it already. */}}
{{- define "volsync.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* A name made of that one; .root and .suffix. */}}
{{- define "volsync.derivedName" -}}
{{- $room := sub 63 (len .suffix) | int }}
{{- printf "%s%s" (include "volsync.fullname" .root | trunc $room | trimSuffix "-") .suffix }}
{{- end }}

{{- define "volsync.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "volsync.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/*
Labels by which the manager's pods are found. A Deployment's selector never changes: one that is there already, whoever
has made it, keeps its own. `lookup` finds nothing where only files are made (`helm template`, Argo CD).
*/}}
{{- define "volsync.selectorLabels" -}}
{{- $there := lookup "apps/v1" "Deployment" .Release.Namespace (include "volsync.fullname" .) | default dict }}
{{- $kept := dig "spec" "selector" "matchLabels" dict $there }}
{{- if $kept }}
{{- toYaml $kept }}
{{- else }}
{{- include "volsync.ownSelectorLabels" . }}
{{- end }}
{{- end }}

{{- define "volsync.ownSelectorLabels" -}}
app.kubernetes.io/name: {{ include "volsync.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
control-plane: {{ include "volsync.derivedName" (dict "root" . "suffix" "-controller") }}
{{- end }}

{{- define "volsync.labels" -}}
{{- $common := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
}}
{{- $own := include "volsync.ownSelectorLabels" . | fromYaml }}
{{- $kept := include "volsync.selectorLabels" . | fromYaml }}
{{- toYaml (mergeOverwrite $common $own $kept) }}
{{- end }}

{{/* Of whatever is scraped: the job that VolSync's users have in their alerts, whatever the release is called. */}}
{{- define "volsync.scrapeJobLabel" -}}
volsync-py/scrape-job: volsync-metrics
{{- end }}

{{- define "volsync.openshift" -}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1/SecurityContextConstraints" }}yes{{ end }}
{{- end }}

{{/* A tag; one of digits alone is a number, and Helm makes a float of those in files. */}}
{{- define "volsync.tag" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . | default "" }}{{ end }}
{{- end }}

{{- define "volsync.managerImage" -}}
{{- with .Values.image }}
{{- .image | default (printf "%s:%s" .repository (include "volsync.tag" .tag | default $.Chart.AppVersion)) }}
{{- end }}
{{- end }}

{{- define "volsync.moverImage" -}}
{{- $manager := .Values.image }}
{{- $mover := .Values.restic | default dict }}
{{- if $mover.image }}
{{- $mover.image }}
{{- else if or $mover.repository $mover.tag }}
{{- $tag := include "volsync.tag" ($mover.tag | default $manager.tag) | default .Chart.AppVersion }}
{{- printf "%s:%s" ($mover.repository | default $manager.repository) $tag }}
{{- else }}
{{- include "volsync.managerImage" . }}
{{- end }}
{{- end }}

{{/* Values of a release of VolSync's may name its images, in which our commands are not. Refused before anything is changed. */}}
{{- define "volsync.refuseImagesOfVolsync" -}}
{{- $keys := dict "image" (include "volsync.managerImage" .) "restic" (include "volsync.moverImage" .) }}
{{- range $key, $image := $keys }}
{{- if regexMatch "(^|/)(backube|home-operations|perfectra1n)/volsync(:|@|$)" $image }}
{{- fail (printf "values: %s names %s, an image of VolSync's; name one of volsync-py, or remove `restic` to let movers run from the manager's" $key $image) }}
{{- end }}
{{- end }}
{{- end }}
