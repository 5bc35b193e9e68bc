package canary

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// api is an API server with these objects.
func api(funcs interceptor.Funcs, objects ...client.Object) client.Client {
	GinkgoHelper()
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
}

// stale is a cache that shows what was there at the beginning.
func stale(ctx context.Context, live client.Client) client.Reader {
	GinkgoHelper()
	var all corev1.PodList
	Expect(live.List(ctx, &all)).To(Succeed())
	var objects []client.Object
	for i := range all.Items {
		objects = append(objects, &all.Items[i])
	}
	return api(interceptor.Funcs{}, objects...)
}

func canaries(ctx context.Context, reader client.Reader) []corev1.Pod {
	GinkgoHelper()
	var all corev1.PodList
	Expect(reader.List(ctx, &all)).To(Succeed())
	return all.Items
}

var _ = Describe("The sender", func() {
	It("sends no second pod to a node, though a stale list knows of none", func(ctx SpecContext) {
		live := api(interceptor.Funcs{})
		behind := &Sender{Client: live, Live: stale(ctx, live), Template: template}
		for range 3 {
			Expect(behind.Send(ctx, began, wants(1, false))).To(BeEmpty())
		}
		Expect(canaries(ctx, live)).To(HaveLen(1))
	})

	It("never has more than ten under way, however many gates ask at once", func(ctx SpecContext) {
		live := api(interceptor.Funcs{})
		sender := &Sender{Client: live, Live: live, Template: template}
		var gates sync.WaitGroup
		for i := range 8 {
			gates.Go(func() {
				sender.Send(ctx, began.Add(time.Duration(i)*lives), wants(50, i%2 == 0))
			})
		}
		gates.Wait()
		Expect(canaries(ctx, live)).To(HaveLen(10))
	})

	It("asks nothing of the API server while nobody wants one", func(ctx SpecContext) {
		sender := &Sender{Live: nil, Client: nil}
		Expect(sender.Send(ctx, began, nil)).To(BeEmpty())
	})

	It("says of each node why it gets none", func(ctx SpecContext) {
		forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "canary", fmt.Errorf("exceeded quota"))
		refusing := api(interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return forbidden }})
		sender := &Sender{Client: refusing, Live: refusing, Template: template}
		Expect(sender.Send(ctx, began, wants(2, false))).To(And(HaveLen(2), HaveKeyWithValue("n01", And(ContainSubstring("can't be sent"), ContainSubstring("exceeded quota")))))

		silent := api(interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return fmt.Errorf("timeout")
		}})
		sender = &Sender{Client: silent, Live: silent, Template: template}
		Expect(sender.Send(ctx, began, wants(2, false))).To(And(HaveLen(2), HaveKeyWithValue("n00", "canary pods can't be listed: timeout")))
	})
})

var _ = Describe("The sweeper", func() {
	gate := func(edits ...func(*v1alpha1.ReadinessGate)) *v1alpha1.ReadinessGate {
		g := &v1alpha1.ReadinessGate{ObjectMeta: metav1.ObjectMeta{Namespace: "flux-system", Name: "network"}}
		for _, edit := range edits {
			edit(g)
		}
		return g
	}
	sweeper := func(after time.Duration, c client.Client) *Sweeper {
		return &Sweeper{Client: c, Clock: clocktesting.NewFakePassiveClock(began.Add(after)), Namespace: "rebirth", GateNamespaces: []string{"flux-system"}}
	}

	It("removes what took too long, and comes back for the next", func(ctx SpecContext) {
		c := api(interceptor.Funcs{}, gate(), sent("n1", began), sent("n2", began.Add(time.Minute)))
		result, err := sweeper(lives, c).Reconcile(ctx, ctrl.Request{})
		Expect(err).NotTo(HaveOccurred())
		Expect(result.RequeueAfter).To(Equal(time.Minute))
		Expect(canaries(ctx, c)).To(ConsistOf(HaveField("Name", sent("n2", began).Name)))
	})

	DescribeTable("leaves nothing behind when no gate wants it",
		func(ctx SpecContext, left int, gates ...client.Object) {
			elsewhere := sent("n3", began)
			elsewhere.Namespace = "other"
			c := api(interceptor.Funcs{}, append(gates, sent("n1", began), succeeded("n2", began), elsewhere)...)
			_, err := sweeper(time.Second, c).Reconcile(ctx, ctrl.Request{})
			Expect(err).NotTo(HaveOccurred())
			Expect(canaries(ctx, c)).To(HaveLen(left))
		},
		Entry("there is a gate", 3, gate()),
		Entry("a suspended one may go on", 3, gate(func(g *v1alpha1.ReadinessGate) { g.Spec.Suspend = true })),
		Entry("the gate was deleted, whoever was there to see it", 1),
		Entry("it is being deleted", 1, gate(func(g *v1alpha1.ReadinessGate) {
			g.DeletionTimestamp, g.Finalizers = &metav1.Time{Time: began}, []string{"example.com/wait"}
		})),
		Entry("it checks no sandboxes", 1, gate(func(g *v1alpha1.ReadinessGate) { g.Spec.Checks.Sandbox.Disabled = true })),
		Entry("it is in a namespace that is not served", 1, gate(func(g *v1alpha1.ReadinessGate) { g.Namespace = "other" })),
	)

	It("spares a pod that took the name of one that a stale cache still shows", func(ctx SpecContext) {
		before := sent("n1", began)
		before.UID = "before"
		spared := false
		behind := api(interceptor.Funcs{Delete: func(_ context.Context, _ client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			asked := (&client.DeleteOptions{}).ApplyOptions(options)
			spared = asked.Preconditions != nil && asked.Preconditions.UID != nil && *asked.Preconditions.UID == "before"
			return apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, o.GetName(), fmt.Errorf("the UID is another one"))
		}}, gate(), before)
		_, err := sweeper(lives, behind).Reconcile(ctx, ctrl.Request{})
		Expect(err).NotTo(HaveOccurred())
		Expect(spared).To(BeTrue())
	})

	It("tries again what can't be removed", func(ctx SpecContext) {
		c := api(interceptor.Funcs{Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error {
			return fmt.Errorf("timeout")
		}}, sent("n1", began))
		_, err := sweeper(0, c).Reconcile(ctx, ctrl.Request{})
		Expect(err).To(MatchError(ContainSubstring("removing canary pod rebirth/")))
	})
})
