package manager_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tazzo/rebirth/internal/manager"
)

var _ = Describe("Retries", func() {
	object := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "flux-system", Name: "network"}}

	It("come soon, then ever later, up to the longest wait", func() {
		retries := manager.Retries(time.Second, 10*time.Second)
		for _, wait := range []time.Duration{1, 2, 4, 8, 10, 10} {
			Expect(retries.When(object)).To(Equal(wait * time.Second))
		}
	})

	It("come soon again after a success", func() {
		retries := manager.Retries(time.Second, 10*time.Second)
		retries.When(object)
		retries.When(object)
		retries.Forget(object)
		Expect(retries.When(object)).To(Equal(time.Second))
	})
})
