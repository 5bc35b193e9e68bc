package secretsync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tazzo/rebirth/api/v1alpha1"
	hides "github.com/tazzo/rebirth/test/canary"
)

var _ = Describe("A canary password", func() {
	It("is in no log, event, status, annotation, ConfigMap or metric after a whole life (S24)", func(ctx context.Context) {
		run(ctx, settings{})
		l := dayZero(ctx, func(e *v1alpha1.SecretExport, i *v1alpha1.SecretImport) {
			e.Spec.Repair = v1alpha1.RepairReapplyVerifier
			i.Spec.Target.Template = map[string]v1alpha1.TemplateText{
				"DATABASE_URL": "postgres://{{ .user }}:{{ .password | urlquery }}@{{ .host }}/{{ .dbname }}",
			}
		})
		backup := l.backup(ctx)

		By("a rotation")
		Expect(l.cluster.Rotate(ctx, "grafana")).To(Succeed())
		l.converged(ctx)
		l.restarted(ctx, 1)

		By("a restore in place, whose password is refused until it is repaired")
		Expect(l.cluster.InPlaceRestore(ctx, "canary", backup)).To(Succeed())
		Eventually(func() (bool, error) { return l.cluster.React(ctx, "grafana") }).WithTimeout(30 * time.Second).Should(BeTrue())
		l.converged(ctx)

		By("a template that fails")
		update(ctx, l.imp, func(i *v1alpha1.SecretImport) { i.Spec.Target.Template["DATABASE_URL"] = "{{ .password | fromJson }}" })
		Eventually(ready(ctx, l.imp)).Should(haveReason(metav1.ConditionFalse, v1alpha1.TemplateFailedReason))

		By("a password that is not the verifier's")
		update(ctx, l.export, func(e *v1alpha1.SecretExport) { e.Spec.Repair = v1alpha1.RepairNone })
		Expect(l.cluster.EditSecret(ctx, "grafana", func(data map[string][]byte) { data["password"] = []byte(canaryPassword("")) })).To(Succeed())
		Eventually(ready(ctx, l.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.VerifierMismatchReason))

		Expect(leaks(ctx)).To(BeEmpty())
	})
})

// What the whole suite leaves behind is looked through as well.
var _ = AfterSuite(func(ctx context.Context) {
	if plane != nil {
		Expect(leaks(ctx)).To(BeEmpty())
	}
})

// leaks names every place but the data of Secrets where the canary is.
func leaks(ctx context.Context) []string {
	GinkgoHelper()
	var found []string
	if hides.In(logs.String(), canary) {
		found = append(found, "the log")
	}
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if hides.In(family.String(), canary) {
			found = append(found, "metric "+family.GetName())
		}
	}
	return append(found, leakingObjects(ctx)...)
}

// leakingObjects looks through every object of every kind in the API server.
func leakingObjects(ctx context.Context) []string {
	GinkgoHelper()
	config := rest.CopyConfig(plane.AdminConfig())
	config.WarningHandler = rest.NoWarnings{} // deprecated kinds are looked through as well
	served, err := discovery.NewDiscoveryClientForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	reader, err := dynamic.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	lists, err := discovery.ServerPreferredResources(served)
	Expect(err).NotTo(HaveOccurred())
	lists = discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list"}}, lists)
	var found []string
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		Expect(err).NotTo(HaveOccurred())
		for _, kind := range list.APIResources {
			objects, err := reader.Resource(gv.WithResource(kind.Name)).List(ctx, metav1.ListOptions{})
			if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				continue
			}
			Expect(err).NotTo(HaveOccurred(), "listing %s", kind.Name)
			found = append(found, leaking(kind.Name, objects.Items)...)
		}
	}
	return found
}

func leaking(kind string, objects []unstructured.Unstructured) []string {
	var found []string
	for _, object := range objects {
		if kind == "secrets" {
			unstructured.RemoveNestedField(object.Object, "data")
		}
		text, err := json.Marshal(object.Object)
		Expect(err).NotTo(HaveOccurred())
		if hides.In(string(text), canary) {
			found = append(found, fmt.Sprintf("%s %s/%s", kind, object.GetNamespace(), object.GetName()))
		}
	}
	return found
}
