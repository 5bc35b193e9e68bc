package reconciler

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/cni"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

// canaryWorld is one node whose plugin started at the beginning.
type canaryWorld struct {
	reconciler *Reconciler
	gate       *v1alpha1.ReadinessGate
	start      time.Time
}

func newCanaryWorld(pods ...client.Object) canaryWorld {
	gate := &v1alpha1.ReadinessGate{ObjectMeta: metav1.ObjectMeta{Namespace: "flux-system", Name: "network"}}
	gate.Spec.Checks.Sandbox.CanaryEvery.Duration = 30 * time.Minute
	return canaryWorld{
		reconciler: &Reconciler{Namespace: "rebirth", Client: fake.NewClientBuilder().WithObjects(pods...).Build()},
		gate:       gate, start: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
	}
}

// canary is a pod of that name that was sent, and ended, at that moment.
func canary(name string, phase corev1.PodPhase, at time.Time) *corev1.Pod {
	pod := canaryPod(&v1alpha1.ReadinessGate{ObjectMeta: metav1.ObjectMeta{Namespace: "flux-system", Name: "network"}}, "rebirth", "image", "n1")
	pod.Name, pod.CreationTimestamp, pod.Status.Phase = name, metav1.NewTime(at), phase
	if phase == corev1.PodSucceeded {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{StartedAt: metav1.NewTime(at)},
		}}}
	}
	return pod
}

// observe observes the node so long after the beginning.
func (w canaryWorld) observe(ctx context.Context, after time.Duration, failures ...corev1.Event) evidence.Sandbox {
	GinkgoHelper()
	o := objects{failures: corev1.EventList{Items: failures}}
	Expect(w.reconciler.Client.List(ctx, &o.pods)).To(Succeed())
	e := evidence.Cluster{
		Now: w.start.Add(after), Nodes: []evidence.Node{{Name: "n1", Ready: true}},
		CNI: cni.Finding{Started: map[string]int64{"n1": w.start.Unix()}},
	}
	out, err := w.reconciler.observeSandboxes(ctx, w.gate, e, o)
	Expect(err).NotTo(HaveOccurred())
	return out["n1"]
}

func (w canaryWorld) pods(ctx context.Context) []string {
	GinkgoHelper()
	var list corev1.PodList
	Expect(w.reconciler.Client.List(ctx, &list)).To(Succeed())
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	slices.Sort(names)
	return names
}

var _ = Describe("The sandbox of a node", func() {
	start := newCanaryWorld().start
	holds := func(s evidence.Sandbox) bool { return !s.Proven.IsZero() && !s.Proven.Before(s.NeededSince) }

	It("is proven by a canary after the plugin's start, and nothing more is sent", func(ctx SpecContext) {
		w := newCanaryWorld(canary("first", corev1.PodSucceeded, start.Add(time.Minute)))
		s := w.observe(ctx, 2*time.Minute)
		Expect(holds(s)).To(BeTrue())
		Expect(s.Due).To(BeFalse())
		Expect(w.pods(ctx)).To(Equal([]string{"first"}))
	})

	It("is no longer proven by a canary of before the plugin's start: another one is sent instead", func(ctx SpecContext) {
		w := newCanaryWorld(canary("before", corev1.PodSucceeded, start.Add(-time.Minute)))
		Expect(holds(w.observe(ctx, time.Minute))).To(BeFalse())
		Expect(w.pods(ctx)).To(And(HaveLen(1), Not(ContainElement("before"))))
	})

	It("stays proven while the next canary by routine is under way, and then by that", func(ctx SpecContext) {
		w := newCanaryWorld(canary("first", corev1.PodSucceeded, start))
		s := w.observe(ctx, 30*time.Minute)
		Expect(s.Due).To(BeTrue())
		Expect(holds(s)).To(BeTrue())
		Expect(w.pods(ctx)).To(HaveLen(2))
		Expect(w.pods(ctx)).To(ContainElement("first"))

		w = newCanaryWorld(canary("first", corev1.PodSucceeded, start), canary("second", corev1.PodPending, start.Add(30*time.Minute)))
		Expect(holds(w.observe(ctx, 31*time.Minute))).To(BeTrue())
		Expect(w.pods(ctx)).To(Equal([]string{"first", "second"}), "one at a time")

		w = newCanaryWorld(canary("first", corev1.PodSucceeded, start), canary("second", corev1.PodSucceeded, start.Add(31*time.Minute)))
		s = w.observe(ctx, 32*time.Minute)
		Expect(holds(s)).To(BeTrue())
		Expect(s.Due).To(BeFalse())
		Expect(w.pods(ctx)).To(Equal([]string{"second"}))
	})

	It("is not proven any more when no canary came round for twice as long, in the same words each round", func(ctx SpecContext) {
		w := newCanaryWorld(canary("first", corev1.PodSucceeded, start))
		s := w.observe(ctx, time.Hour)
		Expect(holds(s)).To(BeFalse())
		w = newCanaryWorld(canary("first", corev1.PodSucceeded, start))
		Expect(w.observe(ctx, 2*time.Hour).NeededSince).To(Equal(s.NeededSince))
	})

	It("tries again when a canary takes too long or fails", func(ctx SpecContext) {
		for _, pod := range []*corev1.Pod{canary("stuck", corev1.PodPending, start), canary("failed", corev1.PodFailed, start)} {
			w := newCanaryWorld(pod)
			w.observe(ctx, canaryLives+time.Second)
			Expect(w.pods(ctx)).To(And(HaveLen(1), Not(ContainElement(pod.Name))))
		}
	})

	It("names the newest failure since the last proof, in whatever order events come", func(ctx SpecContext) {
		event := func(minute int, message string) corev1.Event {
			return corev1.Event{Source: corev1.EventSource{Host: "n1"}, Message: message, LastTimestamp: metav1.NewTime(start.Add(time.Duration(minute) * time.Minute))}
		}
		for _, events := range [][]corev1.Event{{event(3, "new"), event(2, "old")}, {event(2, "old"), event(3, "new")}} {
			w := newCanaryWorld(canary("first", corev1.PodSucceeded, start))
			Expect(w.observe(ctx, 4*time.Minute, events...).Failed).To(Equal("new"))
		}
	})
})
