//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// controllers are the Deployments whose pods are deleted by disturb.
var controllers = []client.ObjectKey{
	key("flux-system", "source-controller"), key("flux-system", "kustomize-controller"), key("flux-system", "helm-controller"),
	key("readiness-gate", "readiness-gate"), key("secret-sync", "secret-sync"),
	key("external-secrets", "external-secrets"), key("postgres-operator", "pgo"),
}

// disturbance is that controllers lose their pods.
type disturbance struct {
	random *rand.Rand
	mu     sync.Mutex
	lost   map[client.ObjectKey]int
}

// disturb deletes a controller's pod every ten seconds, until the spec ends.
func disturb(ctx context.Context) *disturbance {
	GinkgoHelper()
	d := &disturbance{random: rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 0)), lost: map[client.ObjectKey]int{}}
	disturbing, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for disturbing.Err() == nil {
			d.deleteOne(disturbing)
			select {
			case <-disturbing.Done():
			case <-tick.C:
			}
		}
	}()
	DeferCleanup(func() {
		stop()
		<-done
		Expect(d.Lost()).NotTo(BeEmpty(), "nothing was disturbed")
	})
	return d
}

// Lost tells how many pods each controller lost that lost one.
func (d *disturbance) Lost() map[client.ObjectKey]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.lost)
}

// deleteOne deletes a pod of the controller that lost the fewest, of those that run;
// none if there is none, or no API.
func (d *disturbance) deleteOne(ctx context.Context) {
	lost := d.Lost()
	var victim client.ObjectKey
	var pod *corev1.Pod
	for _, i := range d.random.Perm(len(controllers)) {
		name := controllers[i]
		if pod != nil && lost[name] >= lost[victim] {
			continue
		}
		if running := podOf(ctx, name); running != nil {
			victim, pod = name, running
		}
	}
	if pod == nil {
		return
	}
	err := world.DeletePod(ctx, pod)
	fmt.Fprintf(GinkgoWriter, "deleting %s/%s: %v\n", pod.Namespace, pod.Name, err)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost[victim]++
}

// podOf is a pod of the Deployment that runs; nil if none does.
func podOf(ctx context.Context, name client.ObjectKey) *corev1.Pod {
	deployment := &appsv1.Deployment{}
	if err := world.Client.Get(ctx, name, deployment); err != nil {
		return nil
	}
	var pods corev1.PodList
	if err := world.Client.List(ctx, &pods, client.InNamespace(name.Namespace), client.MatchingLabels(deployment.Spec.Selector.MatchLabels)); err != nil {
		return nil
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			return pod
		}
	}
	return nil
}
