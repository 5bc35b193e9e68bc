package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/bench/figures"
	"github.com/tazzo/rebirth/test/kubelet"
	"github.com/tazzo/rebirth/test/relay"
)

// openAfter is the CRD's default: so many rounds in a row must pass.
const openAfter = 3

// opensBudget of the design, from the last fact that turns good to the ConfigMap.
func opensBudget(interval time.Duration) time.Duration { return openAfter*interval + time.Second }

// gateOpens measures how long a gate stays shut once everything is good: asked every
// second, and at the default interval.
func (b *bench) gateOpens(ctx context.Context, w *gateWorld) error {
	for _, c := range []struct {
		interval time.Duration
		samples  int
	}{{time.Second, b.sizes.openings}, {defaultInterval, b.sizes.slow}} {
		if c.samples == 0 {
			continue
		}
		b.progress.say("%d openings of a gate with interval %s", c.samples, c.interval)
		samples, err := w.openings(ctx, c.interval, c.samples)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("gate: last fact good to ConfigMap, interval %s, openAfter %d", c.interval, openAfter)
		b.add(
			figures.Plain(what+", median", figures.Seconds(figures.Percentile(samples, 50))),
			figures.AtMost(fmt.Sprintf("%s, slowest of %d", what, c.samples), slices.Max(samples), opensBudget(c.interval), figures.Seconds),
		)
	}
	return nil
}

// defaultInterval is the CRD's.
const defaultInterval = 10 * time.Second

// openings breaks and mends the network so many times: an object, or the way to a
// node's agent.
func (w *gateWorld) openings(ctx context.Context, interval time.Duration, count int) ([]time.Duration, error) {
	verdict, done, err := w.openGate(ctx, interval)
	if err != nil {
		return nil, err
	}
	defer done()
	faults := []fault{w.flannelNotReady(w.nodes[1]), w.cutOff(2)}
	var samples []time.Duration
	for i := range count {
		f := faults[i%len(faults)]
		if err := f.begin(ctx); err != nil {
			return nil, err
		}
		if _, err := verdict.await(ctx, false); err != nil {
			return nil, err
		}
		// Somewhere between two rounds.
		if err := pause(ctx, rand.N(interval)); err != nil {
			return nil, err
		}
		mended := time.Now()
		if err := f.end(ctx); err != nil {
			return nil, err
		}
		published, err := verdict.await(ctx, true)
		if err != nil {
			return nil, err
		}
		samples = append(samples, published.Sub(mended))
	}
	return samples, nil
}

// fault is something that shuts a gate.
type fault struct{ begin, end func(context.Context) error }

// flannelNotReady is a fault that objects show.
func (w *gateWorld) flannelNotReady(node string) fault {
	turn := func(ready bool) func(context.Context) error {
		return func(ctx context.Context) error {
			pod, err := w.network.FlannelPod(ctx, node)
			if err != nil {
				return err
			}
			return kubelet.ReportReady(ctx, w.admin, pod, ready)
		}
	}
	return fault{turn(false), turn(true)}
}

// cutOff is a fault that traffic alone shows.
func (w *gateWorld) cutOff(i int) fault {
	return fault{
		begin: func(context.Context) error { return w.agents[i].Way.Refuse(relay.TCP) },
		end:   func(context.Context) error { return w.agents[i].Way.Resume(relay.TCP) },
	}
}

// openGate creates a gate and returns once it is open; done deletes it. That the set of
// nodes must stay the same for a while before the first opening is left out: it is a
// time of the user's choice. The gate shuts after a second.
func (w *gateWorld) openGate(ctx context.Context, interval time.Duration) (*verdict, func(), error) {
	gate := &v1alpha1.ReadinessGate{ObjectMeta: metav1.ObjectMeta{Namespace: gatesNamespace, Name: fmt.Sprintf("every-%s", interval)}}
	gate.Spec.Publish.ConfigMapName = gate.Name
	gate.Spec.Interval.Duration = interval
	gate.Spec.Nodes.Min = int32(len(w.nodes))
	gate.Spec.Hysteresis.OpenAfter, gate.Spec.Hysteresis.CloseAfter.Duration = openAfter, time.Second
	gate.Spec.Nodes.NewNodeGrace.Duration, gate.Spec.Nodes.NotReadyGrace.Duration = 3*time.Minute, 2*time.Minute
	gate.Spec.MaxWait.Duration, gate.Spec.Checks.Sandbox.CanaryEvery.Duration = 20*time.Minute, 30*time.Minute
	gate.Spec.Checks.Peers.Payload = resource.MustParse("8Ki") // a client in Go sends zeros otherwise
	ctx, cancel := context.WithCancel(ctx)
	seen, err := w.watchVerdict(ctx, gate)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	done := func() {
		_ = w.admin.Delete(ctx, gate) // the next has another name
		cancel()
	}
	if err := w.admin.Create(ctx, gate); err != nil {
		cancel()
		return nil, nil, err
	}
	if _, err := seen.await(ctx, true); err != nil {
		done()
		return nil, nil, err
	}
	return seen, done, nil
}

// verdict sees, by a watch, when a gate's ConfigMap comes and goes.
type verdict struct{ events chan event }

type event struct {
	at     time.Time
	exists bool
}

func (w *gateWorld) watchVerdict(ctx context.Context, gate *v1alpha1.ReadinessGate) (*verdict, error) {
	clientset, err := kubernetes.NewForConfig(protobuf(w.plane.AdminConfig()))
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(clientset, 0, informers.WithNamespace(gate.Namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) {
			options.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, gate.Spec.Publish.ConfigMapName).String()
		}))
	v := &verdict{events: make(chan event, 64)}
	informer := factory.Core().V1().ConfigMaps().Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			if _, ok := obj.(*corev1.ConfigMap); ok {
				v.events <- event{time.Now(), true}
			}
		},
		DeleteFunc: func(any) { v.events <- event{time.Now(), false} },
	}); err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, context.Cause(ctx)
	}
	return v, nil
}

// await returns when the ConfigMap came, or went.
func (v *verdict) await(ctx context.Context, exists bool) (time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, arrivalTimeout, errors.New("the gate's verdict did not change within "+arrivalTimeout.String()))
	defer cancel()
	for {
		select {
		case e := <-v.events:
			if e.exists == exists {
				return e.at, nil
			}
		case <-ctx.Done():
			return time.Time{}, context.Cause(ctx)
		}
	}
}
