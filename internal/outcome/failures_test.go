package outcome_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/internal/outcome"
)

var _ = Describe("A request that fails", func() {
	key := types.NamespacedName{Namespace: "monitoring", Name: "grafana"}
	begin := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	var failures outcome.Failures
	BeforeEach(func() {
		failures = outcome.Failures{}
		failures.Again(key, "Failed", "first", begin)
	})

	DescribeTable("is told once it goes on, and in the same words for a while",
		func(after time.Duration, words string, lasts bool) {
			said, told := failures.Again(key, "Failed", "later", begin.Add(after))
			Expect(said).To(Equal(words))
			Expect(told).To(Equal(lasts))
		},
		Entry("a retry", 100*time.Millisecond, "first", false),
		Entry("until it lasts", 4999*time.Millisecond, "first", false),
		Entry("from then on", 5*time.Second, "first", true),
		Entry("within a minute", 59*time.Second, "first", true),
		Entry("after it", time.Minute, "later", true),
	)

	It("once is not told", func() {
		_, told := failures.Again(types.NamespacedName{Name: "other"}, "Failed", "first", begin.Add(time.Hour))
		Expect(told).To(BeFalse())
	})
	It("for another reason is told in its own words at once", func() {
		said, _ := failures.Again(key, "Refused", "later", begin.Add(time.Second))
		Expect(said).To(Equal("later"))
	})
	It("begins anew when none was seen for long", func() {
		said, told := failures.Again(key, "Failed", "again", begin.Add(time.Hour))
		Expect(said).To(Equal("again"))
		Expect(told).To(BeFalse())
	})
	It("begins anew after a success", func() {
		failures.Over(key)
		said, told := failures.Again(key, "Failed", "again", begin.Add(10*time.Second))
		Expect(said).To(Equal("again"))
		Expect(told).To(BeFalse())
	})
})
