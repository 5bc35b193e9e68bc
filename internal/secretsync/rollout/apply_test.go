package rollout_test

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

func restartOf(kind, name, importName string) rollout.Restart {
	return rollout.Restart{Ref: ref(kind, name), UID: objectMeta(name).UID,
		Annotation: rollout.AnnotationKey(importName), Stamp: changedAt, Time: sec(60)}
}

var _ = Describe("Asking for restarts", func() {
	ctx := context.Background()

	It("puts one annotation on the pod template, for each import its own", func() {
		c := fake.NewClientBuilder().WithObjects(liveDeployment("web", same), liveStatefulSet("db", same), liveDaemonSet("agent", same)).Build()
		for _, importName := range []string{"one", "two"} {
			restarts := []rollout.Restart{
				restartOf("Deployment", "web", importName), restartOf("StatefulSet", "db", importName), restartOf("DaemonSet", "agent", importName),
			}
			done, err := rollout.Apply(ctx, c, namespace, rollout.FieldOwner(importName), restarts)
			Expect(err).NotTo(HaveOccurred())
			Expect(done).To(HaveExactElements(
				v1alpha1.WorkloadRestart{WorkloadReference: ref("Deployment", "web"), Time: metav1.NewTime(sec(60))},
				v1alpha1.WorkloadRestart{WorkloadReference: ref("StatefulSet", "db"), Time: metav1.NewTime(sec(60))},
				v1alpha1.WorkloadRestart{WorkloadReference: ref("DaemonSet", "agent"), Time: metav1.NewTime(sec(60))},
			))
		}

		stamps := map[string]string{
			"restarted-for.rebirth.tazlab.net/one": "2026-03-01T10:00:00Z",
			"restarted-for.rebirth.tazlab.net/two": "2026-03-01T10:00:00Z",
		}
		var d appsv1.Deployment
		Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "web"}, &d)).To(Succeed())
		Expect(d.Spec.Template.Annotations).To(Equal(stamps))
		Expect(d.Spec.Template.Spec).To(Equal(liveDeployment("web", same).Spec.Template.Spec))
		var s appsv1.StatefulSet
		Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "db"}, &s)).To(Succeed())
		Expect(s.Spec.Template.Annotations).To(Equal(stamps))
		var agent appsv1.DaemonSet
		Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "agent"}, &agent)).To(Succeed())
		Expect(agent.Spec.Template.Annotations).To(Equal(stamps))
	})

	// refusing answers each Apply call with the next error.
	refusing := func(errs ...error) client.Client {
		return interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
			Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
				err := errs[0]
				errs = errs[1:]
				return err
			},
		})
	}
	three := []rollout.Restart{
		restartOf("Deployment", "a", importName), restartOf("Deployment", "b", importName), restartOf("Deployment", "c", importName),
	}
	deployments := schema.GroupResource{Group: "apps", Resource: "deployments"}

	It("goes on after a failure and returns them all, named", func() {
		first, second := errors.New("first"), errors.New("second")
		done, err := rollout.Apply(ctx, refusing(first, nil, second), namespace, "owner", three)
		Expect(done).To(ConsistOf(HaveField("Name", "b")))
		Expect(err).To(MatchError(first))
		Expect(err).To(MatchError(second))
		Expect(err).To(MatchError(ContainSubstring("restarting Deployment monitoring/a: first")))
	})

	DescribeTable("leaves out a workload that isn't the one decided about any more",
		func(refusal error) {
			done, err := rollout.Apply(ctx, refusing(nil, refusal, nil), namespace, "owner", three)
			Expect(err).NotTo(HaveOccurred())
			Expect(done).To(HaveExactElements(HaveField("Name", "a"), HaveField("Name", "c")))
		},
		Entry("it is gone, or another writer was faster", apierrors.NewConflict(deployments, "b", errors.New("uid mismatch"))),
		Entry("its namespace is gone", apierrors.NewNotFound(deployments, "b")),
		Entry("another one has its name", apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "Deployment"}, "b",
			field.ErrorList{field.Invalid(field.NewPath("metadata", "uid"), "x", "field is immutable")})),
	)

	It("reports that a workload refuses the annotation", func() {
		refusal := apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "Deployment"}, "b",
			field.ErrorList{field.Invalid(field.NewPath("spec", "template"), "x", "broken before")})
		_, err := rollout.Apply(ctx, refusing(nil, refusal, nil), namespace, "owner", three)
		Expect(apierrors.IsInvalid(err)).To(BeTrue())
	})
})
