package reconciler

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

var _ = Describe("After an error", func() {
	It("a gate is looked at soon, and after however many no later than ten seconds", func() {
		limiter := retries()
		gate := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "flux-system", Name: "network"}}
		Expect(limiter.When(gate)).To(BeNumerically("<", time.Second))
		for range 1000 {
			Expect(limiter.When(gate)).To(BeNumerically("<=", 10*time.Second))
		}
	})
})
