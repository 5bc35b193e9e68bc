package gate

import (
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/network"
)

// watcher sees what happens in the API server and puts it into the world.
type watcher struct {
	world *show.World[World]
	ready map[string]bool // nodes
}

// watch sees everything but the gate itself, whose kind comes with the chart.
func (w *watcher) watch(ctx context.Context, s *stage.Stage) error {
	w.ready = map[string]bool{}
	return s.Watch(ctx, []string{metav1.NamespaceSystem, flux.Namespace, ownName, behindName},
		stage.Sight{Object: &corev1.Node{}, See: w.node},
		stage.Sight{Object: &appsv1.DaemonSet{}, See: w.daemonSet},
		stage.Sight{Object: &discoveryv1.EndpointSlice{}, See: w.endpoints},
		stage.Sight{Object: &corev1.ConfigMap{}, See: w.configMap},
		stage.Sight{Object: stage.Kind(flux.Kustomization), See: w.kustomization},
		stage.Sight{Object: stage.Kind(flux.HelmRelease), See: w.helmRelease},
	)
}

func (w *watcher) watchGate(ctx context.Context, s *stage.Stage) error {
	return s.Watch(ctx, []string{flux.Namespace}, stage.Sight{Object: &v1alpha1.ReadinessGate{}, See: w.gate})
}

func (w *watcher) node(obj client.Object, gone bool) {
	node := obj.(*corev1.Node)
	w.world.Update(func(now *World) {
		w.ready[node.Name] = slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		if gone {
			delete(w.ready, node.Name)
		}
		now.Nodes = Count{All: len(w.ready)}
		for _, ready := range w.ready {
			if ready {
				now.Nodes.Ready++
			}
		}
	})
}

// daemonSet takes kube-controller-manager's own count.
func (w *watcher) daemonSet(obj client.Object, gone bool) {
	if client.ObjectKeyFromObject(obj) != network.Flannel {
		return
	}
	status := obj.(*appsv1.DaemonSet).Status
	w.world.Update(func(now *World) {
		now.Flannel = Count{int(status.NumberReady), int(status.DesiredNumberScheduled)}
		if gone {
			now.Flannel = Count{}
		}
	})
}

func (w *watcher) endpoints(obj client.Object, gone bool) {
	slice := obj.(*discoveryv1.EndpointSlice)
	if slice.Labels[discoveryv1.LabelServiceName] != "kube-dns" {
		return
	}
	w.world.Update(func(now *World) {
		now.DNS = 0
		for _, endpoint := range slice.Endpoints {
			if ready := endpoint.Conditions.Ready; ready != nil && *ready && !gone {
				now.DNS++
			}
		}
	})
}

func (w *watcher) configMap(obj client.Object, gone bool) {
	if client.ObjectKeyFromObject(obj) != verdictKey {
		return
	}
	w.world.Update(func(now *World) { now.Verdict = !gone })
}

func (w *watcher) kustomization(obj client.Object, gone bool) {
	w.world.Update(func(now *World) {
		for name, status := range map[string]*stage.Status{upstreamName: &now.Upstream, ownName: &now.Own, behindName: &now.Behind} {
			if obj.GetName() == name {
				*status = stage.FluxStatus(*status, obj, gone)
			}
		}
	})
}

func (w *watcher) helmRelease(obj client.Object, gone bool) {
	w.world.Update(func(now *World) {
		switch obj.GetName() {
		case ownName:
			now.Release = stage.FluxStatus(now.Release, obj, gone)
		case behindName:
			now.TooEarly = now.TooEarly || (!gone && !now.Applied && !now.Verdict)
			now.Applied = !gone
		}
	})
}

func (w *watcher) gate(obj client.Object, gone bool) {
	gate := obj.(*v1alpha1.ReadinessGate)
	w.world.Update(func(now *World) {
		now.Gate, now.Failing = stage.Status{}, ""
		if gone {
			return
		}
		now.Gate = stage.StatusOf(gate.Status.Conditions)
		var failing []string
		for _, f := range gate.Status.Failing {
			failing = append(failing, f.Node+" "+f.Check)
		}
		now.Failing = strings.Join(failing, ", ")
	})
}
