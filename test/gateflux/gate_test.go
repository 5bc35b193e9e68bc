package gateflux_test

import (
	"context"
	"os"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/kubelet"
)

const (
	// overOnePoll is more than the 5 s in which Flux looks at a health check again.
	overOnePoll = 7 * time.Second
	// soon is retryInterval and one poll, and some for a busy machine.
	soon = 15 * time.Second
)

// The Kustomizations of the gate: the shipped one; the shipped one without the
// optional substituteFrom; and the mistake, with wait: true.
const (
	shipped   = "readiness-gate"
	unwatched = "gate-unwatched"
	waiting   = "gate-waiting"
)

var _ = Describe("The shipped manifests, applied by Flux to an empty cluster", Ordered, func() {
	var controller *kubelet.Controller

	BeforeAll(func(ctx SpecContext) {
		startNodes(ctx)
		startFlannel(ctx, goodNode)
		crashFlannel(ctx, brokenNode)

		push(ctx, "one")
		gate := gateVariant(ctx, shipped)
		other := gateVariant(ctx, unwatched)
		delete(other.Object["spec"].(map[string]any), "postBuild")
		set(other, false, "spec", "prune") // the objects are the shipped one's
		create(ctx, gate, dependentOn(shipped, apps), other, dependentOn(unwatched, appsUnwatched))

		controller = startController(ctx)
		DeferCleanup(func() { stop(controller) })
		// Both agents run; of the broken node's nobody hears.
		serveAgent(ctx, goodNode)
		serveAgent(ctx, brokenNode)
		joinAgent(ctx, goodNode)
		failSandbox(ctx, brokenNode)
	}, NodeTimeout(2*time.Minute))

	It("install at once, namespaces and CRDs first (R11)", func(ctx SpecContext) {
		Eventually(ctx, helmRelease).Should(And(beReady(), HaveField("Reason", "InstallSucceeded")))
		log, err := os.ReadFile(fl.Log("kustomize-controller"))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(log)).NotTo(ContainSubstring("dry-run failed"))
	}, SpecTimeout(time.Minute))

	It("hold nothing but what the gate consists of (R10)", func(ctx SpecContext) {
		Expect(inventory(ctx, shipped)).To(ConsistOf(
			"_readiness-gate__Namespace",
			"readiness-gate_rebirth_source.toolkit.fluxcd.io_GitRepository",
			"readiness-gate_readiness-gate_helm.toolkit.fluxcd.io_HelmRelease",
		))
	})

	It("hold back what depends on the gate while Flannel is broken on one of two nodes (R2)", func(ctx SpecContext) {
		Eventually(ctx, readinessGate).Should(And(
			HaveField("Status.Open", false),
			HaveField("Status.Failing", ConsistOf(And(HaveField("Node", brokenNode), HaveField("Check", "cni"), HaveField("Message", ContainSubstring("CrashLoopBackOff"))))),
		))
		Eventually(ctx, reported).Should(ContainSubstring(brokenNode), "the report is for a person to read")
		Eventually(ctx, kustomization(apps)).Should(HaveField("Reason", "DependencyNotReady"))
		Consistently(ctx, func(g Gomega, ctx context.Context) {
			g.Expect(kustomization(shipped)(ctx)).NotTo(beReady())
			g.Expect(versionOf(apps)(ctx)).To(BeEmpty())
			g.Expect(verdict(ctx)).To(BeNil())
		}).WithTimeout(overOnePoll).Should(Succeed())
	}, SpecTimeout(time.Minute))

	It("would hold back nothing with wait: true, which makes Flux ignore the health checks (R2)", func(ctx SpecContext) {
		mistaken := gateVariant(ctx, waiting)
		set(mistaken, true, "spec", "wait")
		set(mistaken, false, "spec", "prune")
		create(ctx, mistaken, dependentOn(waiting, appsWaiting))
		Eventually(ctx, kustomization(waiting)).Should(beReady())
		Eventually(ctx, versionOf(appsWaiting)).Should(Equal("one"))
		Expect(verdict(ctx)).To(BeNil())
		Expect(versionOf(apps)(ctx)).To(BeEmpty())
	}, SpecTimeout(time.Minute))

	It("go on within retryInterval after the network heals, without a nudge (R12)", func(ctx SpecContext) {
		failed := map[string]bool{}
		Eventually(ctx, func(g Gomega, ctx context.Context) {
			for _, name := range []string{shipped, unwatched} {
				ready, err := kustomization(name)(ctx)
				g.Expect(err).NotTo(HaveOccurred())
				failed[name] = failed[name] || ready.Status == metav1.ConditionFalse && ready.Reason == "HealthCheckFailed"
			}
			g.Expect(failed).To(And(HaveKeyWithValue(shipped, true), HaveKeyWithValue(unwatched, true)), "the first attempt fails after its timeout")
		}).WithTimeout(90 * time.Second).Should(Succeed())

		startFlannel(ctx, brokenNode)
		joinAgent(ctx, brokenNode)
		Eventually(ctx, verdict).ShouldNot(BeNil())
		for gate, dependent := range map[string]string{shipped: apps, unwatched: appsUnwatched} {
			Eventually(ctx, kustomization(gate)).WithTimeout(soon).Should(beReady())
			Eventually(ctx, versionOf(dependent)).Should(Equal("one"))
		}
	}, SpecTimeout(3*time.Minute))

	It("are Ready within seconds of the network (R10)", func(ctx SpecContext) {
		open, err := verdict(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, name := range []string{shipped, unwatched} {
			ready, err := kustomization(name)(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(ready.LastTransitionTime.Sub(open.CreationTimestamp.Time)).To(BeNumerically("<=", soon), name)
		}
	})

	It("are not Ready with a verdict that has no controller behind it", func(ctx SpecContext) {
		setInterval(ctx, unwatched, "10s") // the example's 1m
		Eventually(ctx, kustomization(unwatched)).WithTimeout(soon).Should(beReady())

		Expect(controller.Stop(syscall.SIGKILL, time.Minute)).To(Succeed())
		Expect(flux.SetDeploymentReady(ctx, admin, gateDeployment, false)).To(Succeed())
		Eventually(ctx, kustomization(unwatched)).WithTimeout(soon).ShouldNot(beReady())
		Consistently(ctx, kustomization(unwatched)).WithTimeout(overOnePoll).ShouldNot(beReady())
		Expect(verdict(ctx)).NotTo(BeNil(), "nobody is there to withdraw it")

		controller = startController(ctx)
		Eventually(ctx, kustomization(unwatched)).WithTimeout(soon).Should(beReady())
	}, SpecTimeout(2*time.Minute))

	It("notice at once that the verdict is withdrawn, and start nothing new", func(ctx SpecContext) {
		Expect(kustomization(shipped)(ctx)).To(beReady())
		setFlannelReady(ctx, brokenNode, false)
		Eventually(ctx, verdict).WithTimeout(time.Minute).Should(BeNil())
		Eventually(ctx, kustomization(shipped)).WithTimeout(3 * time.Second).ShouldNot(beReady())

		push(ctx, "two")
		Eventually(ctx, kustomization(apps)).Should(HaveField("Reason", "DependencyNotReady"))
		Consistently(ctx, versionOf(apps)).WithTimeout(overOnePoll).Should(Equal("one"), "what runs goes on")

		setFlannelReady(ctx, brokenNode, true)
		Eventually(ctx, versionOf(apps)).Should(Equal("two"))
		Expect(kustomization(shipped)(ctx)).To(beReady())
	}, SpecTimeout(2*time.Minute))

	// The release has drift detection, which must not take for drift what the API
	// server or the controller writes.
	It("see no drift in what nobody touched", func(ctx SpecContext) {
		checkDrift(ctx)
		Expect(releases(ctx)).To(HaveLen(1), "no upgrade")
		log, err := os.ReadFile(fl.Log("helm-controller"))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(log)).NotTo(ContainSubstring("DriftDetected"))
	}, SpecTimeout(time.Minute))

	It("bring back a Role that somebody deleted", func(ctx SpecContext) {
		role, err := get(ctx, flux.Namespace, "readiness-gate-gates", &rbacv1.Role{})
		Expect(err).NotTo(HaveOccurred())
		Expect(admin.Delete(ctx, role)).To(Succeed())
		checkDrift(ctx)
		Expect(get(ctx, flux.Namespace, role.Name, &rbacv1.Role{})).NotTo(BeNil())
	}, SpecTimeout(time.Minute))
})

// checkDrift asks for what the release's interval brings by itself, and waits for it.
func checkDrift(ctx context.Context) {
	GinkgoHelper()
	object := release(ctx)
	before, now := client.MergeFrom(object.DeepCopy()), time.Now().Format(time.RFC3339Nano)
	object.SetAnnotations(map[string]string{"reconcile.fluxcd.io/requestedAt": now})
	Expect(admin.Patch(ctx, object, before)).To(Succeed())
	Eventually(ctx, func(ctx context.Context) string {
		handled, _, _ := unstructured.NestedString(release(ctx).Object, "status", "lastHandledReconcileAt")
		return handled
	}).Should(Equal(now))
	Eventually(ctx, helmRelease).Should(beReady())
}

func release(ctx context.Context) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(flux.HelmRelease)
	_, err := get(ctx, gateDeployment.Namespace, gateDeployment.Name, object)
	Expect(err).NotTo(HaveOccurred())
	return object
}

// releases are those that Helm made, the newest first.
func releases(ctx context.Context) []any {
	GinkgoHelper()
	history, _, err := unstructured.NestedSlice(release(ctx).Object, "status", "history")
	Expect(err).NotTo(HaveOccurred())
	return history
}

func helmRelease(ctx context.Context) (metav1.Condition, error) {
	return fl.Ready(ctx, flux.HelmRelease, gateDeployment)
}

func readinessGate(ctx context.Context) (*v1alpha1.ReadinessGate, error) {
	return get(ctx, flux.Namespace, "network", &v1alpha1.ReadinessGate{})
}

// verdict is the ConfigMap that Flux waits for, nil while there is none.
func verdict(ctx context.Context) (*corev1.ConfigMap, error) {
	found, err := get(ctx, flux.Namespace, "network-ready", &corev1.ConfigMap{})
	if err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return found, nil
}

func reported(ctx context.Context) (string, error) {
	found, err := get(ctx, flux.Namespace, "network-ready-report", &corev1.ConfigMap{})
	return found.Data["report"], err
}

// versionOf is the version of what stands behind a gate, empty as long as it has not
// been applied.
func versionOf(name string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		found, err := get(ctx, metav1.NamespaceDefault, name, &corev1.ConfigMap{})
		return found.Data["version"], client.IgnoreNotFound(err)
	}
}
