package spec_test

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

const examples = "../../../examples"

func example() []byte {
	data, err := os.ReadFile(filepath.Join(examples, "cluster.yaml"))
	Expect(err).NotTo(HaveOccurred())
	return data
}

var _ = Describe("examples/cluster.yaml", func() {
	It("has nothing wrong with it", func() {
		cluster, problems := spec.Decode("cluster.yaml", example())
		Expect(problems).To(BeEmpty(), problems.String())
		Expect(cluster.Nodes).To(HaveLen(3))
	})

	It("names only patches that may be taken", func() {
		cluster, _ := spec.Decode("cluster.yaml", example())
		for _, patch := range cluster.Talos.Patches {
			if patch.File != "" {
				data, err := os.ReadFile(filepath.Join(examples, patch.File))
				Expect(err).NotTo(HaveOccurred())
				Expect(spec.CheckPatch(patch.File, data)).To(BeEmpty())
			}
		}
	})
})
