package lint_test

import (
	"fmt"
	"maps"
	"strings"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/lint"
)

// files is a repository: content by name.
type files map[string]string

func (f files) fs() fstest.MapFS {
	tree := fstest.MapFS{}
	for name, content := range f {
		tree[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return tree
}

// with returns the repository with other files added or replaced; an empty one is
// deleted.
func (f files) with(changes files) files {
	changed := maps.Clone(f)
	for name, content := range changes {
		changed[name] = content
		if content == "" {
			delete(changed, name)
		}
	}
	return changed
}

// gated is a repository with nothing wrong: the gate, and one application behind.
func gated() files {
	return files{
		"clusters/home/flux-system.yaml": kustomization("flux-system", "./clusters/home"),
		"clusters/home/gate.yaml":        gate(),
		"clusters/home/app.yaml":         kustomization("app", "./app", "dependsOn: [{name: gate}]"),
		"gate/gate.yaml":                 readinessGate,
		"gate/release.yaml":              release("readiness-gate", "readiness-gate"),
		"app/release.yaml":               release("apps", "app"),
	}
}

func gate(spec ...string) string {
	if len(spec) == 0 {
		spec = []string{
			"healthChecks:",
			"- {apiVersion: apps/v1, kind: Deployment, name: readiness-gate, namespace: readiness-gate}",
			"- {apiVersion: v1, kind: ConfigMap, name: network-ready, namespace: flux-system}",
		}
	}
	return kustomization("gate", "./gate", spec...)
}

const readinessGate = `apiVersion: rebirth.tazlab.net/v1alpha1
kind: ReadinessGate
metadata: {name: network, namespace: flux-system}
spec: {publish: {configMapName: network-ready}}
`

// kustomization is a Flux Kustomization in flux-system whose spec has these lines,
// too; one that begins with "annotations:" goes into its metadata.
func kustomization(name, path string, spec ...string) string {
	metadata, lines := "", ""
	for _, line := range spec {
		if strings.HasPrefix(line, "annotations:") {
			metadata = "  " + line + "\n"
			continue
		}
		lines += "  " + line + "\n"
	}
	return fmt.Sprintf(`apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: %s
  namespace: flux-system
%sspec:
  interval: 10m
  retryInterval: 30s
  timeout: 5m
  path: %s
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
%s`, name, metadata, path, lines)
}

// release is a HelmRelease of the chart of the same name.
func release(namespace, name string, spec ...string) string {
	lines := "  install: {strategy: {name: RetryOnFailure}}\n"
	if len(spec) > 0 {
		lines = "  " + strings.Join(spec, "\n  ") + "\n"
	}
	return fmt.Sprintf(`apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: "%s", namespace: "%s"}
spec:
  interval: 10m
  chart: {spec: {chart: "%s", sourceRef: {kind: HelmRepository, name: charts}}}
%s`, name, namespace, name, lines)
}

func object(apiVersion, kind, namespace, name string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: %s}\n", apiVersion, kind, name, namespace)
}

func documents(all ...string) string {
	return strings.Join(all, "---\n")
}

// linted returns what is found in a repository.
func linted(tree files, options ...lint.Options) ([]lint.Finding, *lint.Graph) {
	findings, graph, err := lint.Lint(tree.fs(), append(options, lint.Options{})[0])
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	for _, f := range findings {
		ExpectWithOffset(1, f.Message).NotTo(BeEmpty())
		ExpectWithOffset(1, f.Remedy).NotTo(BeEmpty(), "the way out of %q", f.Message)
	}
	return findings, graph
}

// brief says of each finding where it stands, how bad it is and what it is about.
func brief(findings []lint.Finding) []string {
	said := []string{}
	for _, f := range findings {
		place := ""
		if f.File != "" {
			place = fmt.Sprintf("%s:%d ", f.File, f.Line)
		}
		about := ""
		if f.Object != nil {
			about = " " + f.Object.String()
		}
		said = append(said, fmt.Sprintf("%s%s %s%s", place, f.Severity, f.Code, about))
	}
	return said
}

func app(name string) lint.Ref  { return lint.KustomizationRef("flux-system", name) }
func helm(name string) lint.Ref { return lint.HelmReleaseRef("apps", name) }

// without returns a file without one line, which it must have.
func without(line, content string) string {
	changed := strings.Replace(content, "  "+line+"\n", "", 1)
	if changed == content {
		panic("no line " + line)
	}
	return changed
}

// from returns a Kustomization with another source.
func from(source, content string) string {
	return strings.Replace(content, "{kind: GitRepository, name: flux-system}", "{kind: GitRepository, name: "+source+"}", 1)
}
