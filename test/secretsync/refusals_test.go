package secretsync_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// refusing has the API server refuse every write of a resource of the consumers'
// namespace, for the reason, until the returned function is called.
func refusing(ctx context.Context, group, resource string, reason metav1.StatusReason, probe client.Object) (allow func()) {
	GinkgoHelper()
	name := "refuses-" + resource
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: []string{resource}},
				},
			}}},
			Validations: []admissionregistrationv1.Validation{{
				Expression: `request.namespace != "` + consumerNamespace + `"`, Message: "not today", Reason: &reason,
			}},
		},
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}
	create(ctx, policy, binding)
	tried := func() error { return admin.Create(ctx, probe.DeepCopyObject().(client.Object), client.DryRunAll) }
	Eventually(tried).Should(MatchError(ContainSubstring("not today")))
	return func() {
		GinkgoHelper()
		remove(ctx, binding)
		remove(ctx, policy)
		Eventually(tried).Should(Succeed())
	}
}

var _ = Describe("What the API server refuses, rights apart,", func() {
	DescribeTable("is told, and done once it no longer does",
		func(ctx context.Context, refused metav1.StatusReason, reason, words string, stalled bool) {
			allow := refusing(ctx, "", "secrets", refused, &corev1.Secret{ObjectMeta: plant()})
			log := &requests{}
			run(ctx, settings{wrap: log.wrap})
			create(ctx, aPlainSecret())
			imp := anImport("plain", targeted("plain"))
			create(ctx, plainExport(), imp)

			Eventually(ready(ctx, imp)).Should(And(haveReason(metav1.ConditionFalse, reason),
				HaveField("Message", And(ContainSubstring(words), ContainSubstring("not today")))))
			Expect(condition(ctx, imp, v1alpha1.SyncedCondition)(Default)).To(haveReason(metav1.ConditionFalse, reason))
			Expect(imp).To(haveTrue(meta.StalledCondition, stalled))
			Expect(imp).To(haveTrue(meta.ReconcilingCondition, !stalled))
			expectQuiet(log)

			allow()
			Eventually(ready(ctx, imp)).WithTimeout(45 * time.Second).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		},
		Entry("as invalid", metav1.StatusReasonInvalid, v1alpha1.InvalidSpecReason, "does not accept the mirror", true),
		Entry("in another way, as a webhook does that fails", metav1.StatusReasonRequestEntityTooLarge, v1alpha1.RequestFailedReason, "trying again", false),
	)

	It("is told of a restart too: the import is not Ready before its readers are restarted", func(ctx context.Context) {
		run(ctx, settings{})
		g := mirroredGrafana(ctx)
		reader := consumer(ctx, "reader", grafanaSecret, 0)
		probe := aDeployment("probe", "another-secret")
		allow := refusing(ctx, "apps", "deployments", metav1.StatusReasonRequestEntityTooLarge, probe)

		Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
		pending := And(haveReason(metav1.ConditionFalse, v1alpha1.RestartPendingReason),
			HaveField("Message", And(HavePrefix("not restarted yet: "), ContainSubstring("Deployment monitoring/reader"), ContainSubstring("not today"))))
		Eventually(condition(ctx, g.imp, v1alpha1.RestartedCondition)).Should(pending)
		Expect(ready(ctx, g.imp)(Default)).To(pending)
		Expect(condition(ctx, g.imp, v1alpha1.SyncedCondition)(Default)).To(haveReason(metav1.ConditionTrue, v1alpha1.MirroredReason))

		allow()
		Eventually(restartsOf(ctx, reader)).WithTimeout(45 * time.Second).Should(BeEquivalentTo(1))
		Eventually(ready(ctx, g.imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		Consistently(restartsOf(ctx, reader)).Should(BeEquivalentTo(1))
	})

	It("is told of a source that can't be read, and proven once it can", func(ctx context.Context) {
		var failing atomic.Bool
		failing.Store(true)
		run(ctx, settings{wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(request *http.Request) (*http.Response, error) {
				if failing.Load() && strings.HasPrefix(request.URL.Path, "/api/v1/namespaces/"+databaseNamespace+"/secrets/") {
					return internalError(request), nil
				}
				return next.RoundTrip(request)
			})
		}})
		export, imp := plainExport(), anImport("plain", targeted("plain"))
		create(ctx, aPlainSecret(), export, imp)
		Eventually(ready(ctx, export)).Should(And(haveReason(metav1.ConditionFalse, v1alpha1.RequestFailedReason),
			HaveField("Message", And(ContainSubstring("reading source Secret tazlab-db/plain"), ContainSubstring("not today")))))
		Expect(export).To(beWaiting())
		Expect(condition(ctx, export, v1alpha1.VerifiedCondition)(Default)).To(haveReason(metav1.ConditionUnknown, v1alpha1.RequestFailedReason))

		failing.Store(false)
		Eventually(ready(ctx, imp)).WithTimeout(45 * time.Second).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		Expect(ready(ctx, export)(Default)).To(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
	})
})

// internalError is the answer of an API server whose store is out of order.
func internalError(request *http.Request) *http.Response {
	const status = `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"InternalError","code":500,"message":"not today"}`
	return &http.Response{
		StatusCode: http.StatusInternalServerError, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header: http.Header{"Content-Type": []string{"application/json"}}, Body: io.NopCloser(strings.NewReader(status)),
	}
}
