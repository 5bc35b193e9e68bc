package rollout_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

var _ = Describe("Names that carry the import's", func() {
	long := strings.Repeat("a", 63)

	It("are the import's own where they fit", func() {
		Expect(rollout.AnnotationKey("grafana-db")).To(Equal("restarted-for.rebirth.tazlab.net/grafana-db"))
		Expect(rollout.AnnotationKey(long)).To(Equal("restarted-for.rebirth.tazlab.net/" + long))
		Expect(rollout.FieldOwner("grafana-db")).To(Equal("secret-sync/grafana-db"))
	})

	DescribeTable("are valid and unlike those of others, however long",
		func(importName, other string) {
			Expect(validation.IsQualifiedName(rollout.AnnotationKey(importName))).To(BeEmpty())
			Expect(len(rollout.FieldOwner(importName))).To(BeNumerically("<=", 128))
			Expect(rollout.AnnotationKey(importName)).To(Equal(rollout.AnnotationKey(importName)))
			Expect(rollout.AnnotationKey(importName)).NotTo(Equal(rollout.AnnotationKey(other)))
			Expect(rollout.FieldOwner(importName)).NotTo(Equal(rollout.FieldOwner(other)))
		},
		Entry("one character too many", long+"b", long),
		Entry("the longest name", strings.Repeat("a", 252)+"b", strings.Repeat("a", 253)),
		Entry("a dot at the cut", strings.Repeat("a", 51)+"."+strings.Repeat("b", 100), strings.Repeat("a", 51)+"."+strings.Repeat("b", 101)),
	)
})
