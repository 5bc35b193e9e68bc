package metrics_test

import (
	"context"
	"errors"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/metrics"
)

var _ = Describe("The metrics of objects", func() {
	objects := func(intercept interceptor.Funcs, initial ...client.Object) *metrics.Objects {
		scheme := runtime.NewScheme()
		Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
		return metrics.NewObjects(fake.NewClientBuilder().WithScheme(scheme).WithObjects(initial...).WithInterceptorFuncs(intercept).Build())
	}
	export := &v1alpha1.SecretExport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: "e"},
		Status:     v1alpha1.SecretExportStatus{Conditions: []metav1.Condition{{Type: "Ready", Status: metav1.ConditionFalse, Reason: "R", Message: "canary"}}},
	}
	imp := &v1alpha1.SecretImport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "i"},
		Status: v1alpha1.SecretImportStatus{
			Conditions: []metav1.Condition{{Type: "Synced", Status: metav1.ConditionUnknown, Reason: "R"}},
			Target:     &v1alpha1.ImportTargetStatus{Name: "s", ChangedAt: &metav1.Time{Time: time.Unix(1700000000, 0)}},
		},
	}
	const (
		exports = `
# HELP secret_sync_condition 1 for the status that a condition of an export or import has, 0 for the others.
# TYPE secret_sync_condition gauge
secret_sync_condition{kind="SecretExport",name="e",namespace="db",status="False",type="Ready"} 1
secret_sync_condition{kind="SecretExport",name="e",namespace="db",status="True",type="Ready"} 0
secret_sync_condition{kind="SecretExport",name="e",namespace="db",status="Unknown",type="Ready"} 0
`
		imports = `
secret_sync_condition{kind="SecretImport",name="i",namespace="web",status="False",type="Synced"} 0
secret_sync_condition{kind="SecretImport",name="i",namespace="web",status="True",type="Synced"} 0
secret_sync_condition{kind="SecretImport",name="i",namespace="web",status="Unknown",type="Synced"} 1
# HELP secret_sync_mirror_changed_timestamp_seconds When a value of the mirror was last changed; its age is time() minus this.
# TYPE secret_sync_mirror_changed_timestamp_seconds gauge
secret_sync_mirror_changed_timestamp_seconds{name="i",namespace="web"} 1.7e+09
`
	)

	It("show every condition by status, and the age of each mirror", func() {
		Expect(testutil.CollectAndCompare(objects(interceptor.Funcs{}, export, imp), strings.NewReader(exports+imports[1:]))).To(Succeed())
	})

	It("are none where there is nothing to say", func() {
		bare := &v1alpha1.SecretImport{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "i"}, Status: v1alpha1.SecretImportStatus{Target: &v1alpha1.ImportTargetStatus{}}}
		Expect(testutil.CollectAndCount(objects(interceptor.Funcs{}, bare))).To(BeZero())
	})

	It("leave out what the cache can't list, and don't fail the scrape", func() {
		failing := interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if _, imports := list.(*v1alpha1.SecretImportList); imports {
				return errors.New("not synced")
			}
			return c.List(ctx, list, options...)
		}}
		Expect(testutil.CollectAndCompare(objects(failing, export, imp), strings.NewReader(exports))).To(Succeed())
	})

	It("pass Prometheus' own lint", func() {
		problems, err := testutil.CollectAndLint(objects(interceptor.Funcs{}, export, imp))
		Expect(err).NotTo(HaveOccurred())
		Expect(problems).To(BeEmpty())
	})
})

var _ = Describe("The counters", func() {
	It("are served with controller-runtime's metrics", func() {
		metrics.MirrorLatency.Observe(.2)
		metrics.Restarts.WithLabelValues("web", "Deployment", "asked").Inc()
		metrics.Verifications.WithLabelValues("Succeeded").Inc()
		metrics.Refusals.WithLabelValues("NoRights").Inc()
		for _, name := range []string{
			"secret_sync_mirror_latency_seconds", "secret_sync_restarts_total", "secret_sync_verifications_total", "secret_sync_refusals_total",
		} {
			Expect(testutil.GatherAndCount(ctrlmetrics.Registry, name)).To(Equal(1), name)
		}
	})
})
