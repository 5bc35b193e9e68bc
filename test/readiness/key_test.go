package readiness_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = Describe("The agents' key", func() {
	key := client.ObjectKey{Namespace: releaseNamespace, Name: keySecret}
	anew := func() *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	}

	It("is made anew when somebody deletes it, and agents answer again once they have it", func(ctx SpecContext) {
		newCluster(ctx, 2)
		i := run(ctx)
		g := newGate(ctx)
		g.expectOpen(ctx)
		Expect(i.ready()).To(Equal(http.StatusOK))

		Expect(admin.Delete(ctx, anew())).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { // the other specs' key
			old := anew()
			Expect(admin.Get(ctx, key, old)).To(Succeed())
			old.Data = map[string][]byte{"key": []byte(agentKey)}
			Expect(admin.Update(ctx, old)).To(Succeed())
			mountKey(ctx)
		})
		Eventually(func() error { return admin.Get(ctx, key, anew()) }).WithTimeout(15 * time.Second).Should(Succeed())
		g.expectShut(ctx, "node n1, agent:", "does its pod mount the Secret as it is now?")
		mountKey(ctx) // as a kubelet does within its sync period
		g.expectOpen(ctx)
	})
})
