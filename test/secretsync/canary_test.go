package secretsync_test

import (
	"context"
	"encoding/base64"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// plantsCanary is the label of the specs that put the canary where it may not be.
const plantsCanary = "plants a canary"

// Every password of the suite carries the canary (chart_test.go). After every
// spec, while its objects are still there, nothing may hold it but the data of
// Secrets (rule 5). The suite's end is looked at too (incidents_canary_test.go).
var _ = AfterEach(func(ctx context.Context) {
	if !slices.Contains(CurrentSpecReport().Labels(), plantsCanary) {
		Expect(leaks(ctx)).To(BeEmpty())
	}
})

var _ = Describe("The search for the canary", Label(plantsCanary), func() {
	DescribeTable("finds one in", func(ctx context.Context, where string, obj client.Object) {
		create(ctx, obj)
		Expect(leaks(ctx)).To(ContainElement(where))
		remove(ctx, obj)
		Expect(leaks(ctx)).To(BeEmpty())
	},
		Entry("a ConfigMap", "configmaps monitoring/plant",
			&corev1.ConfigMap{ObjectMeta: plant(), Data: map[string]string{"url": "postgres://u:" + canary + "@h"}}),
		Entry("base64", "configmaps monitoring/plant",
			&corev1.ConfigMap{ObjectMeta: plant(), Data: map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte("12" + canary + "3"))}}),
		Entry("binary data", "configmaps monitoring/plant",
			&corev1.ConfigMap{ObjectMeta: plant(), BinaryData: map[string][]byte{"x": []byte("1" + canary)}}),
		Entry("an import's annotation", "secretimports monitoring/plant", anImport("plant", func(i *v1alpha1.SecretImport) {
			i.Annotations = map[string]string{"last": canary}
		})),
		Entry("an event", "events monitoring/plant", &corev1.Event{ObjectMeta: plant(), Message: canary,
			InvolvedObject: corev1.ObjectReference{Namespace: consumerNamespace, Kind: "Pod", Name: "x"}}),
		Entry("a Secret's annotation", "secrets monitoring/plant", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: consumerNamespace, Name: "plant", Annotations: map[string]string{"last": canary}}}),
	)

	It("finds one in a status", func(ctx context.Context) {
		export := anExport("plant")
		create(ctx, export)
		before := export.DeepCopy()
		export.Status.Conditions = []metav1.Condition{{
			Type: "Ready", Status: metav1.ConditionFalse, Reason: "Planted", Message: canary, LastTransitionTime: metav1.Now(),
		}}
		Expect(admin.Status().Patch(ctx, export, client.MergeFrom(before))).To(Succeed())
		Expect(leaks(ctx)).To(ConsistOf("secretexports tazlab-db/plant"))
	})

	It("allows it in a Secret's data", func(ctx context.Context) {
		create(ctx, &corev1.Secret{ObjectMeta: plant(), Data: map[string][]byte{"password": []byte(canaryPassword("plant"))}})
		Expect(leaks(ctx)).To(BeEmpty())
	})
})

func plant() metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: consumerNamespace, Name: "plant"} }
