package docs_test

import (
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// docs/installation.md and docs/readiness-gate.md tell users to copy a folder, and how
// to have its chart from an OCI registry.
var _ = Describe("What is copied into a Flux repository", func() {
	for _, program := range []string{"readiness-gate", "secret-sync"} {
		It("takes the chart from Git: "+program, func() {
			Expect(kindsOf(build(program))).To(ConsistOf("Namespace", "GitRepository", "HelmRelease"))
		})

		It("takes it from an OCI registry with the component: "+program, func() {
			built := build(program, "components/oci")
			Expect(kindsOf(built)).To(ConsistOf("Namespace", "OCIRepository", "HelmRelease"))
			for _, resource := range built.Resources() {
				if resource.GetKind() == "HelmRelease" {
					Expect(resource.Map()).To(HaveKeyWithValue("spec", And(
						HaveKeyWithValue("chartRef", HaveKeyWithValue("kind", "OCIRepository")), Not(HaveKey("chart")))))
				}
			}
		})

		It("can do without its release, the first step of an uninstall, with the component as well: "+program, func() {
			Expect(kindsOf(buildWithout("release.yaml", program, "components/oci"))).To(ConsistOf("Namespace", "OCIRepository"))
		})
	}
})

func build(program string, components ...string) resmap.ResMap {
	GinkgoHelper()
	return buildWithout("", program, components...)
}

// buildWithout builds manifests/<program> as Flux does with these spec.components,
// without one of its resources.
func buildWithout(left, program string, components ...string) resmap.ResMap {
	GinkgoHelper()
	files := filesys.MakeFsInMemory()
	source := filepath.Join(root, "manifests", program)
	for _, pattern := range []string{"*.yaml", "components/*/*.yaml"} {
		matches, err := filepath.Glob(filepath.Join(source, pattern))
		Expect(err).NotTo(HaveOccurred())
		for _, match := range matches {
			name, err := filepath.Rel(source, match)
			Expect(err).NotTo(HaveOccurred())
			Expect(files.WriteFile(name, []byte(read("manifests/"+program+"/"+name)))).To(Succeed())
		}
	}
	var folder types.Kustomization
	Expect(yaml.Unmarshal([]byte(read("manifests/"+program+"/kustomization.yaml")), &folder)).To(Succeed())
	folder.Components = components
	folder.Resources = slices.DeleteFunc(folder.Resources, func(name string) bool { return name == left })
	content, err := yaml.Marshal(folder)
	Expect(err).NotTo(HaveOccurred())
	Expect(files.WriteFile("kustomization.yaml", content)).To(Succeed())
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, ".")
	Expect(err).NotTo(HaveOccurred())
	return built
}

func kindsOf(built resmap.ResMap) []string {
	var kinds []string
	for _, resource := range built.Resources() {
		kinds = append(kinds, resource.GetKind())
	}
	return kinds
}
