package secretsync_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("A database user's password", func() {
	It("is mirrored from a fresh cluster, whose PostgresDataInitialized never appears (S19)", func(ctx context.Context) {
		run(ctx, settings{})
		cluster := newCluster("grafana")
		Expect(cluster.Create(ctx, false)).To(Succeed())
		export, imp := anExport("grafana"), anImport("grafana")
		create(ctx, export, imp)
		Eventually(ready(ctx, export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ClusterStartingReason))

		Expect(cluster.Initdb(ctx)).To(Succeed())

		Eventually(ready(ctx, export)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		password, err := cluster.Password(ctx, "grafana")
		Expect(err).NotTo(HaveOccurred())
		Expect(mirrorOf(ctx, "tazlab-db-pguser-grafana")()).To(And(
			HaveKeyWithValue("password", password),
			HaveKeyWithValue("ca.crt", string(database.CA())),
			Not(HaveKey("verifier")), Not(HaveKey("tls.key")),
		))
	})
})
