package lint_test

import (
	"io/fs"
	"os"
	"strings"
	"testing/fstest"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/lint"
)

var _ = Describe("the worked example of a cluster (R3)", func() {
	const root = "../../../"
	var example fs.FS
	// The CRDs and charts come from this repository.
	sources := map[string]fs.FS{"flux-system/rebirth": os.DirFS(root)}

	BeforeEach(func() { example = os.DirFS(root + "manifests/cluster-example") })

	lintExample := func() ([]lint.Finding, *lint.Graph) {
		GinkgoHelper()
		findings, graph, err := lint.Lint(example, lint.Options{Sources: sources})
		Expect(err).NotTo(HaveOccurred())
		return findings, graph
	}

	It("has no finding, with its other source and without", func() {
		findings, graph := lintExample()
		Expect(brief(findings)).To(BeEmpty())
		Expect(graph.Unread()).To(BeEmpty())
		findings, graph, err := lint.Lint(example, lint.Options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(brief(findings)).To(BeEmpty())
		Expect(graph.Unread()).To(ConsistOf(app("crds")))
	})

	It("has every HelmRelease but the gate's own downstream of the gate", func() {
		_, graph := lintExample()
		Expect(graph.Gate).To(Equal(app("readiness-gate")))
		releases := 0
		for _, r := range graph.Subjects() {
			if r.Kind != "HelmRelease" || r == lint.HelmReleaseRef("readiness-gate", "readiness-gate") {
				continue
			}
			releases++
			Expect(graph.Behind(r, graph.Gate)).To(BeTrue(), r.String())
		}
		Expect(releases).To(BeNumerically(">", 10))
	})

	It("has no cycle", func() {
		_, graph := lintExample()
		Expect(graph.Cycles()).To(BeEmpty())
	})

	It("has what belongs to the CNI and CoreDNS upstream of the gate, with namespaces, CRDs and sources", func() {
		_, graph := lintExample()
		Expect(graph.Upstream(graph.Gate)).To(ConsistOf(app("namespaces"), app("sources"), app("crds"), app("kube-system")))
		Expect(graph.Applies(app("kube-system"))).To(ContainElement(
			lint.Ref{Group: "policy", Kind: "PodDisruptionBudget", Namespace: "kube-system", Name: "coredns"}))
		Expect(graph.Applies(app("crds"))).To(ContainElement(
			lint.Ref{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "readinessgates.rebirth.tazlab.net"}))
	})

	It("lets the gate's Kustomization hold the gate alone", func() {
		_, graph := lintExample()
		Expect(graph.Applies(graph.Gate)).To(ConsistOf(
			lint.HelmReleaseRef("readiness-gate", "readiness-gate"),
			lint.Ref{Group: "rebirth.tazlab.net", Kind: "ReadinessGate", Namespace: "flux-system", Name: "network"}))
	})

	It("has the 21 Kustomizations that it speaks of", func() {
		_, graph := lintExample()
		count := 0
		for _, r := range graph.Subjects() {
			if r.Kind == "Kustomization" {
				count++
			}
		}
		Expect(count).To(Equal(21))
	})

	It("has no field that its kind doesn't have", func() {
		kinds := map[string]func() any{
			"Kustomization": func() any { return &kustomizev1.Kustomization{} },
			"HelmRelease":   func() any { return &helmv2.HelmRelease{} },
			"ReadinessGate": func() any { return &v1alpha1.ReadinessGate{} },
			"SecretExport":  func() any { return &v1alpha1.SecretExport{} },
			"SecretImport":  func() any { return &v1alpha1.SecretImport{} },
		}
		checked := 0
		Expect(fs.WalkDir(example, ".", func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".yaml") {
				return err
			}
			data, err := fs.ReadFile(example, file)
			for _, text := range strings.Split(string(data), "\n---\n") {
				var kind metav1.TypeMeta
				Expect(yaml.Unmarshal([]byte(text), &kind)).To(Succeed(), file)
				if typed, known := kinds[kind.Kind]; known && !strings.HasPrefix(kind.APIVersion, "kustomize.config.k8s.io/") {
					Expect(yaml.UnmarshalStrict([]byte(text), typed())).To(Succeed(), file)
					checked++
				}
			}
			return err
		})).To(Succeed())
		Expect(checked).To(BeNumerically(">", 40))
	})

	DescribeTable("would be found out if it", func(file, old, new string, expected string) {
		example = edited(example, file, old, new)
		findings, _ := lintExample()
		Expect(brief(findings)).To(ContainElement(ContainSubstring(expected)))
	},
		Entry("forgot to put an operator behind the gate", "clusters/tazlab/operators.yaml",
			"  dependsOn:\n    - name: readiness-gate\n", "", "not-behind-gate Kustomization flux-system/storage"),
		Entry("put CoreDNS behind the gate", "infrastructure/pgo/release.yaml",
			"apiVersion: helm", object("apps/v1", "Deployment", "kube-system", "coredns")+"---\napiVersion: helm",
			"network-behind-gate Deployment kube-system/coredns"),
		Entry("put the CNI behind the gate", "infrastructure/pgo/release.yaml",
			"apiVersion: helm", object("apps/v1", "DaemonSet", "kube-system", "kube-flannel")+"---\napiVersion: helm",
			"network-behind-gate DaemonSet kube-system/kube-flannel"),
		Entry("put what belongs to CoreDNS behind the gate", "clusters/tazlab/foundation.yaml",
			"  path: ./infrastructure/kube-system\n", "  path: ./infrastructure/kube-system\n  dependsOn:\n    - name: readiness-gate\n",
			"dependency-cycle Kustomization flux-system/kube-system"),
		Entry("set wait beside the gate's health checks", "clusters/tazlab/readiness-gate.yaml",
			"  healthChecks:\n", "  wait: true\n  healthChecks:\n", "health-checks-ignored Kustomization flux-system/readiness-gate"),
		Entry("lost a retryInterval", "clusters/tazlab/readiness-gate.yaml",
			"  retryInterval: 30s\n", "", "retry-interval-missing Kustomization flux-system/readiness-gate"),
	)
})

// edited is a tree with one edit of one file.
func edited(tree fs.FS, name, old, new string) fs.FS {
	GinkgoHelper()
	copied := fstest.MapFS{}
	Expect(fs.WalkDir(tree, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, file)
		copied[file] = &fstest.MapFile{Data: data}
		return err
	})).To(Succeed())
	Expect(copied).To(HaveKey(name))
	before := string(copied[name].Data)
	Expect(before).To(ContainSubstring(old))
	copied[name].Data = []byte(strings.Replace(before, old, new, 1))
	return copied
}
