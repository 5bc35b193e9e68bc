package lint_test

import (
	"io/fs"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/lint"
)

var _ = Describe("the graph", func() {
	It("tells what stands before and behind the gate", func() {
		_, graph := linted(gated().with(files{
			"clusters/home/gate.yaml": documents(gateAfter("storage"), kustomization("storage", "./storage")),
			"storage/release.yaml":    release("storage", "csi"),
		}))
		Expect(graph.Gate).To(Equal(app("gate")))
		Expect(graph.Upstream(graph.Gate)).To(ConsistOf(app("storage")))
		Expect(graph.Downstream(graph.Gate)).To(ConsistOf(app("app"), helm("app")))
		Expect(graph.Behind(app("storage"), graph.Gate)).To(BeFalse())
		Expect(graph.Behind(graph.Gate, graph.Gate)).To(BeFalse())
		Expect(graph.Applies(app("app"))).To(ConsistOf(helm("app")))
		Expect(graph.AppliedBy(helm("app"))).To(ConsistOf(app("app")))
		Expect(graph.Cycles()).To(BeEmpty())
		Expect(graph.Unread()).To(BeEmpty())
	})

	It("counts what a Kustomization waits for as upstream, and what it only applies not", func() {
		tree := gated().with(files{
			"clusters/home/parent.yaml": kustomization("parent", "./parent", "wait: true"),
			"parent/child.yaml":         kustomization("child", "./child"),
			"child/map.yaml":            object("v1", "ConfigMap", "apps", "child"),
		})
		_, graph := linted(tree)
		Expect(graph.Upstream(app("parent"))).To(ConsistOf(app("child")))
		Expect(graph.Downstream(app("parent"))).To(BeEmpty())
		_, graph = linted(tree.with(files{"clusters/home/parent.yaml": kustomization("parent", "./parent")}))
		Expect(graph.Upstream(app("parent"))).To(BeEmpty())
	})

	It("returns a cycle with the same object at both ends", func() {
		_, graph := linted(gated().with(files{"clusters/home/app.yaml": documents(
			kustomization("a", "./app", "dependsOn: [{name: b}]"),
			kustomization("b", "./b", "dependsOn: [{name: a}]")),
			"b/map.yaml": object("v1", "ConfigMap", "apps", "b")}))
		Expect(graph.Cycles()).To(Equal([][]lint.Ref{{app("a"), app("b"), app("a")}}))
	})
})

var _ = Describe("reading as Flux reads", func() {
	behind := func(tree files, r lint.Ref, options ...lint.Options) bool {
		findings, graph := linted(tree, options...)
		ExpectWithOffset(1, graph.Subjects()).To(ContainElement(r), "%v", findings)
		return graph.Behind(r, app("gate"))
	}

	It("heeds patches that a folder's kustomization puts on Kustomizations", func() {
		tree := gated().with(files{
			"clusters/home/app.yaml": kustomization("app", "./app"),
			"clusters/home/kustomization.yaml": `resources: [flux-system.yaml, gate.yaml, app.yaml]
patches:
- target: {kind: Kustomization, name: app}
  patch: |
    - {op: add, path: /spec/dependsOn, value: [{name: gate}]}
`,
		})
		Expect(behind(tree, helm("app"))).To(BeTrue())
	})

	It("heeds patches, components, prefix, suffix and namespace of the Kustomization's spec", func() {
		tree := gated().with(files{
			"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}]",
				"targetNamespace: elsewhere", "namePrefix: my-", "nameSuffix: -x", "components: [../more, ../none]", "ignoreMissingComponents: true",
				"patches: [{target: {kind: HelmRelease}, patch: '- {op: add, path: /spec/dependsOn, value: [{name: gone}]}'}]"),
			"more/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [more.yaml]\n",
			"more/more.yaml":          release("apps", "more"),
		})
		Expect(behind(tree, lint.HelmReleaseRef("elsewhere", "my-app-x"))).To(BeTrue())
		Expect(behind(tree, lint.HelmReleaseRef("elsewhere", "my-more-x"))).To(BeTrue())
		findings, _ := linted(tree)
		Expect(brief(findings)).To(Equal([]string{
			"app/release.yaml:1 error dependency-missing HelmRelease elsewhere/my-app-x",
			"more/more.yaml:1 error dependency-missing HelmRelease elsewhere/my-more-x",
		}))
	})

	It("puts variables in, from the spec and from ConfigMaps, and leaves what it can't know", func() {
		tree := gated().with(files{
			"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}]",
				"postBuild: {substitute: {ns: apps}, substituteFrom: [{kind: ConfigMap, name: vars}, {kind: Secret, name: hidden}]}"),
			"vars.yaml":        object("v1", "ConfigMap", "flux-system", "vars") + "data: {name: web, ns: overridden}\n",
			"app/release.yaml": release("${ns}", "${name}-${secret}"),
		})
		Expect(behind(tree, lint.HelmReleaseRef("apps", "web-${secret}"))).To(BeTrue())
	})

	It("lists the YAML of a folder without a kustomization file, and folders in it that have one", func() {
		tree := gated().with(files{
			"app/deep/er/release.yaml":    release("apps", "deep"),
			"app/built/kustomization.yml": "resources: [listed.yml]\n",
			"app/built/listed.yml":        release("apps", "listed"),
			"app/built/unlisted.yaml":     release("apps", "unlisted"),
			"app/README.md":               "no YAML",
		})
		Expect(behind(tree, helm("deep"))).To(BeTrue())
		Expect(behind(tree, helm("listed"))).To(BeTrue())
		_, graph := linted(tree)
		Expect(graph.Subjects()).NotTo(ContainElement(helm("unlisted")))
	})

	It("reads the objects of a List, and knows their lines", func() {
		tree := gated().with(files{"app/release.yaml": "apiVersion: v1\nkind: List\nitems:\n" +
			"- {apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: a, namespace: apps}, spec: {}}\n" +
			"- {apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: b, namespace: apps}, spec: {}}\n"})
		findings, _ := linted(tree)
		Expect(brief(findings)).To(Equal([]string{
			"app/release.yaml:4 warning install-not-retried HelmRelease apps/a",
			"app/release.yaml:5 warning install-not-retried HelmRelease apps/b",
		}))
	})

	It("never fetches what is remote, wherever a kustomization names it", func() {
		findings, _ := linted(gated().with(files{"app/kustomization.yaml": `resources:
- release.yaml
- git@git.example.com:shared/base.git
components: ["ssh://git@git.example.com/shared/component"]
patches:
- path: https://git.example.com/patch.yaml
configMapGenerator:
- name: web
  literals: ["url=https://example.com"]
  files: ["page=https://git.example.com/page"]
openapi: {path: "https://git.example.com/schema.json"}
generators: [generator.yaml]
`, "app/generator.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: more}\nfiles:\n- https://git.example.com/more\n"}))
		Expect(brief(findings)).To(ConsistOf(
			"app/kustomization.yaml:3 warning remote-resource Kustomization flux-system/app",
			"app/kustomization.yaml:4 warning remote-resource Kustomization flux-system/app",
			"app/kustomization.yaml:6 warning remote-resource Kustomization flux-system/app",
			"app/kustomization.yaml:10 warning remote-resource Kustomization flux-system/app",
			"app/kustomization.yaml:11 warning remote-resource Kustomization flux-system/app",
			"app/generator.yaml:5 warning remote-resource Kustomization flux-system/app",
		))
	})

	It("follows a chart to its OCIRepository", func() {
		tree := gated().with(files{
			"gate/gate.yaml": "",
			"gate/release.yaml": object("helm.toolkit.fluxcd.io/v2", "HelmRelease", "readiness-gate", "network") +
				"spec: {chartRef: {kind: OCIRepository, name: chart}, install: {strategy: {name: RetryOnFailure}}}\n",
			"gate/source.yaml": object("source.toolkit.fluxcd.io/v1", "OCIRepository", "readiness-gate", "chart") +
				"spec: {url: oci://registry.example.com/charts/readiness-gate}\n",
		})
		findings, graph := linted(tree)
		Expect(brief(findings)).To(BeEmpty())
		Expect(graph.Gate).To(Equal(app("gate")))
	})
})

var _ = Describe("other sources", func() {
	tree := gated().with(files{
		"clusters/home/gate.yaml": from("rebirth", kustomization("readiness-gate", "./manifests/gate", "healthChecks:",
			"- {apiVersion: apps/v1, kind: Deployment, name: readiness-gate, namespace: readiness-gate}",
			"- {apiVersion: v1, kind: ConfigMap, name: network-ready, namespace: flux-system}")),
		"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: readiness-gate}]"),
	})

	It("are not looked into, said so, and a gate among them is known by its name", func() {
		findings, graph := linted(tree)
		Expect(brief(findings)).To(BeEmpty())
		Expect(graph.Gate).To(Equal(app("readiness-gate")))
		Expect(graph.Unread()).To(ConsistOf(app("readiness-gate")))
		Expect(graph.Behind(helm("app"), graph.Gate)).To(BeTrue())
	})

	It("are looked into when they are given", func() {
		source := files{"manifests/gate/gate.yaml": readinessGate, "manifests/gate/release.yaml": release("apps", "bad", "install: {}")}
		findings, graph := linted(tree, lint.Options{Sources: map[string]fs.FS{"flux-system/rebirth": source.fs()}})
		Expect(brief(findings)).To(Equal([]string{
			"flux-system/rebirth:manifests/gate/release.yaml:1 warning install-not-retried HelmRelease apps/bad",
			"flux-system/rebirth:manifests/gate/release.yaml:1 error not-behind-gate HelmRelease apps/bad",
		}))
		Expect(graph.Unread()).To(BeEmpty())
	})
})

var _ = Describe("where Flux begins", func() {
	several := gated().with(files{
		"clusters/work/flux-system.yaml": kustomization("flux-system", "./clusters/work"),
		"clusters/work/app.yaml":         kustomization("app", "./app"),
	})

	It("is asked for when there are several clusters", func() {
		_, _, err := lint.Lint(several.fs(), lint.Options{})
		Expect(err).To(MatchError(ContainSubstring("name one with --path: clusters/home, clusters/work")))
	})

	It("is taken from --path", func() {
		_, graph := linted(several, lint.Options{Path: "./clusters/home"})
		Expect(graph.Downstream(app("gate"))).To(ContainElement(helm("app")))
	})

	It("may be a folder that no Kustomization describes", func() {
		findings, graph := linted(gated().with(files{"clusters/home/flux-system.yaml": "", "unused/ks.yaml": kustomization("unused", "./gone")}),
			lint.Options{Path: "clusters/home"})
		Expect(brief(findings)).To(BeEmpty())
		Expect(graph.Subjects()).NotTo(ContainElement(app("unused")))
	})

	It("is all that nothing else applies, if nothing says more", func() {
		findings, graph := linted(gated().with(files{
			"clusters/home/flux-system.yaml": "",
			"clusters/home/extra.yaml":       release("apps", "extra"),
			"app/nested.yaml":                kustomization("nested", "./nested"),
			"nested/release.yaml":            release("apps", "nested"),
		}))
		Expect(brief(findings)).To(Equal([]string{"clusters/home/extra.yaml:1 error not-behind-gate HelmRelease apps/extra"}))
		Expect(graph.Behind(helm("nested"), app("gate"))).To(BeTrue())
	})

	It("fails for a folder that doesn't exist", func() {
		_, _, err := lint.Lint(gated().fs(), lint.Options{Path: "clusters/gone"})
		Expect(err).To(MatchError(ContainSubstring("path clusters/gone: no such folder")))
	})
})

var _ = Describe("the gate that is named", func() {
	It("is taken, whatever it applies", func() {
		findings, graph := linted(gated(), lint.Options{Gate: "flux-system/app"})
		Expect(graph.Gate).To(Equal(app("app")))
		Expect(brief(findings)).To(ContainElement("clusters/home/app.yaml:1 error gate-verdict-unchecked Kustomization flux-system/app"))
	})

	It("must exist", func() {
		findings, graph := linted(gated(), lint.Options{Gate: "flux-system/gaet"})
		Expect(brief(findings)).To(ContainElement("error gate-missing"))
		Expect(findings[0].Message).To(ContainSubstring("did you mean flux-system/gate?"))
		Expect(graph.Gate).To(BeZero())
	})

	It("is guessed only by a name that is alike, however long the namespace is that they share", func() {
		findings, _ := linted(gated(), lint.Options{Gate: "flux-system/network-is-up"})
		Expect(findings[0].Message).To(Equal("the gate Kustomization flux-system/network-is-up doesn't exist"))
	})

	It("can't be where no Kustomization is: another directory is meant", func() {
		findings, _ := linted(files{"README.md": "no manifests"}, lint.Options{})
		Expect(brief(findings)).To(Equal([]string{"error gate-missing"}))
		Expect(findings[0].Message + findings[0].Remedy).To(And(ContainSubstring("no Kustomization of Flux stands here"), ContainSubstring("lint the root")))
	})

	It("must be a namespace and a name", func() {
		_, _, err := lint.Lint(gated().fs(), lint.Options{Gate: "gate"})
		Expect(err).To(MatchError(ContainSubstring("must be namespace/name")))
	})
})
