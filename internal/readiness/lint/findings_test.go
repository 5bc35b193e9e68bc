package lint_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/lint"
)

// expectation is one finding: in brief, and what its message must say.
type expectation struct {
	brief   string
	message []string
}

func finding(brief string, message ...string) expectation {
	return expectation{brief: brief, message: message}
}

var _ = DescribeTable("a repository with one mistake gets that finding and no other",
	func(changes files, expected ...expectation) {
		findings, _ := linted(gated().with(changes))
		briefs := []string{}
		for _, e := range expected {
			briefs = append(briefs, e.brief)
		}
		Expect(brief(findings)).To(Equal(briefs))
		for i, e := range expected {
			for _, part := range e.message {
				Expect(findings[i].Message + " " + findings[i].Remedy).To(ContainSubstring(part))
			}
		}
	},
	Entry("none", files{}),

	// Reading.
	Entry("a path that doesn't exist", files{"clusters/home/app.yaml": kustomization("app", "./ap", "dependsOn: [{name: gate}]")},
		finding("clusters/home/app.yaml:1 error path-missing Kustomization flux-system/app", "did you mean ./app?")),
	Entry("a kustomization that can't be built", files{"app/kustomization.yaml": "resources: [gone.yaml]\n"},
		finding("clusters/home/app.yaml:1 error build-failed Kustomization flux-system/app", "gone.yaml")),
	Entry("YAML that contains itself", files{"app/kustomization.yaml": "resources: [release.yaml, map.yaml]\n", "app/map.yaml": "a: &a [*a]\n"},
		finding("clusters/home/app.yaml:1 error build-failed Kustomization flux-system/app", "an anchor contains itself")),
	Entry("a patch that contains itself", files{"app/kustomization.yaml": "resources: [release.yaml]\npatches:\n- patch: |\n    a: &a [*a]\n"},
		finding("clusters/home/app.yaml:1 error build-failed Kustomization flux-system/app", "an anchor contains itself")),
	Entry("a resource on another server", files{"app/kustomization.yaml": "resources:\n- release.yaml\n- https://git.example.com/shared/base?ref=v1\n"},
		finding("app/kustomization.yaml:3 warning remote-resource Kustomization flux-system/app", "git.example.com/shared/base")),
	Entry("a field of the wrong type", files{"app/release.yaml": release("apps", "app", "timeout: {}")},
		finding("app/release.yaml:1 error object-unreadable HelmRelease apps/app")),
	Entry("a file of Flux's that is no YAML", files{"notes/draft.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\n\tkind: x\n"},
		finding("notes/draft.yaml:1 warning file-unreadable")),
	Entry("a Kustomization with a field given twice", files{"elsewhere/twice.yaml": kustomization("twice", "./app", "prune: false")},
		finding("elsewhere/twice.yaml:1 warning file-unreadable", `"prune" already defined`)),
	Entry("one HelmRelease applied by two Kustomizations", files{
		"clusters/home/again.yaml": kustomization("again", "./again", "dependsOn: [{name: gate}]"),
		"again/release.yaml":       release("apps", "app"),
	}, finding("app/release.yaml:1 error object-duplicate HelmRelease apps/app", "again/release.yaml:1")),
	Entry("a variable that can't be substituted", files{
		"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}]", "postBuild: {substitute: {a: b}}"),
		"app/release.yaml":       release("apps", "app", "install: {strategy: {name: RetryOnFailure}}", `releaseName: "${a"`),
	}, finding("clusters/home/app.yaml:1 error build-failed Kustomization flux-system/app", "HelmRelease apps/app: postBuild")),

	// The gate.
	Entry("no gate", files{"gate/gate.yaml": "", "gate/release.yaml": "", "gate/other.yaml": object("v1", "Namespace", "", "other")},
		finding("error gate-missing", "no Kustomization applies a ReadinessGate"),
		finding("clusters/home/gate.yaml:1 warning configmap-check-proves-nothing Kustomization flux-system/gate", "as soon as it exists")),
	Entry("two gates", files{
		"clusters/home/second.yaml": kustomization("second", "./second"),
		"second/gate.yaml":          object("rebirth.tazlab.net/v1alpha1", "ReadinessGate", "flux-system", "second"),
	}, finding("clusters/home/gate.yaml:1 error gate-ambiguous Kustomization flux-system/gate", "Kustomization flux-system/second", "--gate")),
	Entry("a gate whose verdict isn't checked", files{"clusters/home/gate.yaml": gate(
		"healthChecks: [{apiVersion: apps/v1, kind: Deployment, name: readiness-gate, namespace: readiness-gate}]")},
		finding("clusters/home/gate.yaml:1 error gate-verdict-unchecked Kustomization flux-system/gate", "ConfigMap flux-system/network-ready")),
	Entry("a gate whose controller isn't checked", files{"clusters/home/gate.yaml": gate(
		"healthChecks: [{apiVersion: v1, kind: ConfigMap, name: network-ready, namespace: flux-system}]")},
		finding("clusters/home/gate.yaml:1 warning gate-controller-unchecked Kustomization flux-system/gate", "Deployment")),

	// The graph.
	Entry("a Kustomization that depends on nothing", files{"clusters/home/app.yaml": kustomization("app", "./app")},
		finding("clusters/home/app.yaml:1 error not-behind-gate Kustomization flux-system/app",
			"none of its dependencies leads to Kustomization flux-system/gate", "HelmRelease apps/app", "{name: gate}")),
	Entry("a Kustomization that checks the verdict instead of depending on the gate", files{
		"clusters/home/app.yaml": kustomization("app", "./app", "healthChecks: [{apiVersion: v1, kind: ConfigMap, name: network-ready, namespace: flux-system}]")},
		finding("clusters/home/app.yaml:1 error not-behind-gate Kustomization flux-system/app", "comes after its objects are applied"),
		finding("clusters/home/app.yaml:1 warning verdict-checked-elsewhere Kustomization flux-system/app", "add {name: gate}")),
	Entry("a HelmRelease that Flux's own Kustomization applies", files{"clusters/home/extra.yaml": release("apps", "extra")},
		finding("clusters/home/extra.yaml:1 error not-behind-gate HelmRelease apps/extra", "Kustomization flux-system/flux-system applies it")),
	Entry("a stranger in the gate's Kustomization", files{"gate/extra.yaml": release("apps", "extra")},
		finding("gate/extra.yaml:1 error not-behind-gate HelmRelease apps/extra", "the gate's own Kustomization")),
	Entry("a chain that begins before the gate", files{
		"clusters/home/app.yaml": documents(
			kustomization("app", "./app", "dependsOn: [{name: middle}]"),
			kustomization("middle", "./middle", "dependsOn: [{name: first}]"),
			kustomization("first", "./first")),
		"middle/map.yaml": object("v1", "ConfigMap", "apps", "middle"),
		"first/map.yaml":  object("v1", "ConfigMap", "apps", "first"),
	}, finding("clusters/home/app.yaml:29 error not-behind-gate Kustomization flux-system/first",
		"HelmRelease apps/app, Kustomization flux-system/app, Kustomization flux-system/middle")),
	Entry("the CNI behind the gate", files{
		"clusters/home/cni.yaml": kustomization("cni", "./cni", "dependsOn: [{name: app}]"),
		"cni/release.yaml":       release("kube-system", "cilium"),
	}, finding("cni/release.yaml:1 error network-behind-gate HelmRelease kube-system/cilium",
		"is applied by Kustomization flux-system/cni, which depends on Kustomization flux-system/app, which depends on Kustomization flux-system/gate")),
	Entry("Flannel's DaemonSet behind the gate", files{"app/flannel.yaml": object("apps/v1", "DaemonSet", "kube-flannel", "kube-flannel-ds")},
		finding("app/flannel.yaml:1 error network-behind-gate DaemonSet kube-flannel/kube-flannel-ds", "is the CNI")),
	Entry("CoreDNS behind the gate", files{"app/coredns.yaml": object("apps/v1", "Deployment", "kube-system", "coredns")},
		finding("app/coredns.yaml:1 error network-behind-gate Deployment kube-system/coredns", "is the cluster's DNS")),
	Entry("a dependency that doesn't exist", files{"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}, {name: gaet}]")},
		finding("clusters/home/app.yaml:1 error dependency-missing Kustomization flux-system/app", "flux-system/gaet", "did you mean flux-system/gate?")),
	Entry("a dependency that can't be read", files{
		"clusters/home/app.yaml":   kustomization("app", "./app", "dependsOn: [{name: gate}, {name: other}]"),
		"clusters/home/other.yaml": kustomization("other", "./other", "suspend: perhaps"),
	}, finding("clusters/home/other.yaml:1 error object-unreadable Kustomization flux-system/other")),
	Entry("a dependency in another namespace", files{"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}, {name: gate, namespace: apps}]")},
		finding("clusters/home/app.yaml:1 error dependency-missing Kustomization flux-system/app", "did you mean flux-system/gate?")),
	Entry("a dependency on a HelmRelease's name", files{"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}, {name: readiness-gate}]")},
		finding("clusters/home/app.yaml:1 error dependency-missing Kustomization flux-system/app", "depend on Kustomization flux-system/gate, which applies HelmRelease readiness-gate/readiness-gate")),
	Entry("a HelmRelease's dependency that doesn't exist", files{"app/release.yaml": release("apps", "app", "install: {strategy: {name: RetryOnFailure}}", "dependsOn: [{name: ap}]")},
		finding("app/release.yaml:1 error dependency-missing HelmRelease apps/app", "did you mean apps/app?")),
	Entry("a dependency given three times", files{"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}, {name: gate}, {name: gate, namespace: flux-system}]")},
		finding("clusters/home/app.yaml:1 warning dependency-duplicate Kustomization flux-system/app")),
	Entry("a cycle", files{"clusters/home/app.yaml": documents(
		kustomization("app", "./app", "dependsOn: [{name: gate}, {name: b}]"),
		kustomization("b", "./b", "dependsOn: [{name: c}]"),
		kustomization("c", "./c", "dependsOn: [{name: app}]")),
		"b/map.yaml": object("v1", "ConfigMap", "apps", "b"), "c/map.yaml": object("v1", "ConfigMap", "apps", "c")},
		finding("clusters/home/app.yaml:1 error dependency-cycle Kustomization flux-system/app",
			"Kustomization flux-system/app depends on Kustomization flux-system/b, which depends on Kustomization flux-system/c, which depends on Kustomization flux-system/app")),
	Entry("a Kustomization that waits for what depends on it", files{
		"clusters/home/app.yaml": kustomization("app", "./parent", "dependsOn: [{name: gate}]", "wait: true"),
		"parent/child.yaml":      kustomization("child", "./app", "dependsOn: [{name: app}]"),
	}, finding("parent/child.yaml:1 error dependency-cycle Kustomization flux-system/child",
		"Kustomization flux-system/child depends on Kustomization flux-system/app, which waits for Kustomization flux-system/child")),

	// Health checks.
	Entry("health checks beside wait", files{"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}]", "wait: true",
		"healthChecks: [{apiVersion: apps/v1, kind: Deployment, name: coredns, namespace: kube-system}]")},
		finding("clusters/home/app.yaml:1 error health-checks-ignored Kustomization flux-system/app", "Deployment kube-system/coredns")),
	Entry("a health check on the CNI's DaemonSet", files{"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}]",
		"healthChecks: [{apiVersion: apps/v1, kind: DaemonSet, name: kube-flannel, namespace: kube-system}]")},
		finding("clusters/home/app.yaml:1 error daemonset-check-proves-nothing Kustomization flux-system/app", "wants no pod yet")),
	Entry("a health check on another DaemonSet", files{"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}]",
		"healthChecks: [{apiVersion: apps/v1, kind: DaemonSet, name: node-exporter, namespace: monitoring}]")},
		finding("clusters/home/app.yaml:1 warning daemonset-check-proves-nothing Kustomization flux-system/app")),
	Entry("a health check on a ConfigMap of its own", files{
		"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}]", "healthChecks: [{apiVersion: v1, kind: ConfigMap, name: done, namespace: apps}]"),
		"app/done.yaml":          object("v1", "ConfigMap", "apps", "done"),
	}, finding("clusters/home/app.yaml:1 error configmap-check-proves-nothing Kustomization flux-system/app", "applies itself")),
	Entry("a health check on a ConfigMap that always exists", files{"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}]",
		"healthChecks: [{apiVersion: v1, kind: ConfigMap, name: coredns, namespace: kube-system}]")},
		finding("clusters/home/app.yaml:1 error configmap-check-proves-nothing Kustomization flux-system/app", "exists at all times")),
	Entry("a health check on the gate's report", files{"clusters/home/app.yaml": kustomization("app", "./app", "dependsOn: [{name: gate}]",
		"healthChecks: [{apiVersion: v1, kind: ConfigMap, name: network-ready-report, namespace: flux-system}]")},
		finding("clusters/home/app.yaml:1 error configmap-check-proves-nothing Kustomization flux-system/app", "did you mean flux-system/network-ready?")),
	Entry("a health check on a verdict in the wrong namespace", files{"clusters/home/gate.yaml": gate("healthChecks:",
		"- {apiVersion: apps/v1, kind: Deployment, name: readiness-gate, namespace: readiness-gate}",
		"- {apiVersion: v1, kind: ConfigMap, name: network-ready, namespace: default}")},
		finding("clusters/home/gate.yaml:1 warning configmap-check-proves-nothing Kustomization flux-system/gate", "did you mean flux-system/network-ready?"),
		finding("clusters/home/gate.yaml:1 error gate-verdict-unchecked Kustomization flux-system/gate")),
	Entry("an expression that hits every ConfigMap", files{"clusters/home/gate.yaml": gate("healthChecks:",
		"- {apiVersion: apps/v1, kind: Deployment, name: readiness-gate, namespace: readiness-gate}",
		"- {apiVersion: v1, kind: ConfigMap, name: network-ready, namespace: flux-system}",
		"- {apiVersion: v1, kind: ConfigMap, name: other, namespace: flux-system}",
		`healthCheckExprs: [{apiVersion: v1, kind: ConfigMap, current: "data.ready == 'true'"}]`)},
		finding("clusters/home/gate.yaml:1 error health-check-expression-too-wide Kustomization flux-system/gate",
			"ConfigMap flux-system/network-ready, ConfigMap flux-system/other")),
	Entry("no retryInterval", files{"clusters/home/app.yaml": without("retryInterval: 30s",
		kustomization("app", "./app", "dependsOn: [{name: gate}]", "wait: true"))},
		finding("clusters/home/app.yaml:1 warning retry-interval-missing Kustomization flux-system/app", "after 10m0s")),
	Entry("no timeout", files{"clusters/home/app.yaml": without("timeout: 5m",
		kustomization("app", "./app", "dependsOn: [{name: gate}]", "wait: true"))},
		finding("clusters/home/app.yaml:1 warning timeout-missing Kustomization flux-system/app", "for 9m30s")),

	// Day zero.
	Entry("an install that may be uninstalled", files{"app/release.yaml": release("apps", "app", "install: {remediation: {retries: 3}}")},
		finding("app/release.yaml:1 warning install-may-uninstall HelmRelease apps/app", "RetryOnFailure")),
	Entry("an install that is uninstalled after its last failure", files{"app/release.yaml": release("apps", "app", "install: {remediation: {remediateLastFailure: true}}")},
		finding("app/release.yaml:1 warning install-may-uninstall HelmRelease apps/app")),
	Entry("an install that isn't tried again", files{"app/release.yaml": release("apps", "app", "install: {strategy: {name: RemediateOnFailure}}")},
		finding("app/release.yaml:1 warning install-not-retried HelmRelease apps/app")),
)

var _ = DescribeTable("what rightly starts before the gate is no finding",
	func(changes files) {
		findings, _ := linted(gated().with(changes))
		Expect(brief(findings)).To(BeEmpty())
	},
	Entry("what the gate depends on, and the HelmReleases in it", files{
		"clusters/home/gate.yaml":    documents(gateAfter("storage"), kustomization("storage", "./storage")),
		"storage/release.yaml":       release("storage", "csi"),
		"storage/unrelated-map.yaml": object("v1", "ConfigMap", "storage", "settings"),
	}),
	Entry("namespaces, CRDs and sources", files{
		"clusters/home/foundation.yaml": kustomization("foundation", "./foundation"),
		"foundation/all.yaml": documents(
			object("v1", "Namespace", "", "apps"),
			object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "things.example.com"),
			object("source.toolkit.fluxcd.io/v1", "HelmRepository", "flux-system", "charts")),
	}),
	Entry("a Kustomization that only groups others", files{
		"clusters/home/app.yaml": kustomization("apps", "./grouped"),
		"grouped/app.yaml":       kustomization("app", "./app", "dependsOn: [{name: gate}]"),
	}),
	Entry("the CNI", files{
		"clusters/home/cni.yaml": kustomization("cni", "./cni"),
		"cni/release.yaml":       release("kube-system", "cilium"),
	}),
	Entry("a CoreDNS that serves others, behind the gate", files{
		"app/release.yaml": release("apps", "coredns", "install: {strategy: {name: RetryOnFailure}}", "values: {isClusterService: false}"),
	}),
	Entry("a Kustomization that says so", files{
		"clusters/home/app.yaml": kustomization("app", "./app", `annotations: {rebirth.tazlab.net/upstream-of-gate: "true"}`),
	}),
	Entry("what another cluster gets", files{
		"clusters/home/app.yaml": kustomization("app", "./app", "kubeConfig: {secretRef: {name: other}}"),
	}),
	Entry("a HelmRelease that depends on one behind the gate", files{
		"clusters/home/extra.yaml": release("apps", "extra", "install: {strategy: {name: RetryOnFailure}}", "dependsOn: [{name: app}]"),
	}),
	Entry("what a Kustomization behind the gate applies", files{
		"app/nested.yaml":    kustomization("nested", "./nested"),
		"nested/nested.yaml": release("apps", "nested"),
	}),
	Entry("a ReadinessGate that is health-checked itself", files{"clusters/home/gate.yaml": gate("healthChecks:",
		"- {apiVersion: apps/v1, kind: Deployment, name: readiness-gate, namespace: readiness-gate}",
		"- {apiVersion: rebirth.tazlab.net/v1alpha1, kind: ReadinessGate, name: network, namespace: flux-system}")}),
	Entry("a verdict whose gate is the chart's", files{"gate/gate.yaml": ""}),
	Entry("a chart's templates", files{
		"charts/app/Chart.yaml":                "name: app\n",
		"charts/app/templates/deployment.yaml": "{{- if .Values.x }}\nkind: Kustomization.kustomize.toolkit.fluxcd.io\n",
	}),
	Entry("what source-controller leaves out", files{
		".sourceignore":     "/drafts\n",
		"drafts/draft.yaml": "kustomize.toolkit.fluxcd.io: [",
	}),
)

func gateAfter(name string) string {
	return gate("dependsOn: [{name: "+name+"}]", "healthChecks:",
		"- {apiVersion: apps/v1, kind: Deployment, name: readiness-gate, namespace: readiness-gate}",
		"- {apiVersion: v1, kind: ConfigMap, name: network-ready, namespace: flux-system}")
}

var _ = Describe("the exit status", func() {
	warning, failure := lint.Finding{Severity: lint.Warning}, lint.Finding{Severity: lint.Error}

	It("is a failure for errors, and for warnings only when asked for", func() {
		Expect(lint.Failed(nil, true)).To(BeFalse())
		Expect(lint.Failed([]lint.Finding{warning}, false)).To(BeFalse())
		Expect(lint.Failed([]lint.Finding{warning}, true)).To(BeTrue())
		Expect(lint.Failed([]lint.Finding{warning, failure}, false)).To(BeTrue())
	})
})
