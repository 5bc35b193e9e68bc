package importer

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
)

func TestImporter(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "importer")
}

var (
	key   = types.NamespacedName{Namespace: "monitoring", Name: "grafana"}
	other = types.NamespacedName{Namespace: "monitoring", Name: "other"}
)

var _ = Describe("What the reconciler's own writes wake it for", func() {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var own ownWrites
	BeforeEach(func() {
		own = ownWrites{}
		own.wrote(key, "11", now)
	})

	DescribeTable("waits for the cache", func(shown string, after time.Duration, pending bool) {
		Expect(own.pending(key, shown, now.Add(after))).To(Equal(pending))
	},
		Entry("while it shows what was written over", "11", time.Millisecond, true),
		Entry("until it shows the write, or what came after", "13", time.Millisecond, false),
		Entry("no longer than its patience: it may be a restored etcd", "11", patience, false),
	)

	It("takes no other import for a late one", func() {
		Expect(own.pending(other, "11", now)).To(BeFalse())
	})

	It("keeps nothing once the cache has caught up, or the import is gone", func() {
		Expect(own.pending(key, "13", now)).To(BeFalse())
		Expect(own.over).To(BeEmpty())
		own.wrote(key, "13", now)
		own.forget(key)
		Expect(own.over).To(BeEmpty())
	})
})

var _ = Describe("What a first pass wrote", func() {
	var first unreported
	BeforeEach(func() {
		first = unreported{}
		secret := mirror.NewLive(&corev1.Secret{})
		first.keep(key, firstPass{
			facts: mirror.Facts{
				Import: &v1alpha1.SecretImport{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "11"}},
				Source: &mirror.Source{}, Target: secret,
			},
			plan: mirror.Plan{InOrder: true, Mirror: secret},
			done: applied{version: "12", wrote: true},
		})
	})

	It("is reported by the second one, once", func() {
		pass, ok := first.take(key, "11")
		Expect(ok).To(BeTrue())
		Expect(pass.done).To(Equal(applied{version: "12", wrote: true}))
		_, ok = first.take(key, "11")
		Expect(ok).To(BeFalse())
	})
	It("is kept without any Secret", func() {
		pass, _ := first.take(key, "11")
		Expect(pass.facts.Source).To(BeNil())
		Expect(pass.facts.Target).To(BeNil())
		Expect(pass.plan.Mirror).To(BeNil())
		Expect(pass.plan.InOrder).To(BeTrue())
	})
	It("is dropped when the import has changed since", func() {
		_, ok := first.take(key, "13")
		Expect(ok).To(BeFalse())
		Expect(first.passes).To(BeEmpty())
	})
	It("is nothing to another import", func() {
		_, ok := first.take(other, "11")
		Expect(ok).To(BeFalse())
	})
})
