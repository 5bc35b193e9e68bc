package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/secretsync"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/kubelet"
	"github.com/tazzo/rebirth/test/postgres"
)

const (
	releaseNamespace = "secret-sync-system"
	account          = "secret-sync"
	user             = "system:serviceaccount:" + releaseNamespace + ":" + account
)

// world is a control plane with the chart installed, and what measures it.
type world struct {
	plane      *controlplane.ControlPlane
	database   *postgres.Server
	admin      client.Client
	watcher    *kubernetes.Clientset // for what the benchmark observes
	bare       *kubernetes.Clientset // of the bare loop
	binary     string
	pod        *corev1.Pod // of the chart's Deployment
	version    string
	controller *kubelet.Controller
}

func newWorld(ctx context.Context, b *bench, binary string, database *postgres.Server) (*world, error) {
	crds, err := controlplane.PGOCRDs(ctx)
	if err != nil {
		return nil, err
	}
	programs, err := controlplane.Prepare(ctx, nil)
	if err != nil {
		return nil, err
	}
	chart, err := programs.RenderChart(ctx, chartDir, account, releaseNamespace, chartValues())
	if err != nil {
		return nil, err
	}
	w := &world{database: database, binary: binary}
	if w.pod, err = kubelet.RenderedPod(chart, "Deployment"); err != nil {
		return nil, err
	}
	w.plane, err = b.controlPlane(ctx, nil, crds, []byte(namespaceYAML), chart, []byte(bareLoopYAML))
	if err != nil {
		return nil, err
	}
	if err := w.connect(ctx); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

const namespaceYAML = `
apiVersion: v1
kind: Namespace
metadata: {name: ` + releaseNamespace + `}
`

// bareLoopYAML gives the bare loop the rights that the chart gives secret-sync, so
// that the API server has as much to check for either.
const bareLoopYAML = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: bare-loop, namespace: ` + releaseNamespace + `}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bare-loop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: secret-sync-cluster-wide}
subjects: [{kind: ServiceAccount, name: bare-loop, namespace: ` + releaseNamespace + `}]
`

func (w *world) connect(ctx context.Context) error {
	scheme, err := secretsync.Scheme()
	if err != nil {
		return err
	}
	if err := pgo.AddToScheme(scheme); err != nil {
		return err
	}
	if w.admin, err = client.New(w.plane.AdminConfig(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if w.watcher, err = kubernetes.NewForConfig(protobuf(w.plane.AdminConfig())); err != nil {
		return err
	}
	version, err := w.watcher.ServerVersion()
	if err != nil {
		return err
	}
	w.version = version.GitVersion
	bare, err := w.plane.ServiceAccountConfig(ctx, releaseNamespace, "bare-loop")
	if err != nil {
		return err
	}
	bare.QPS = -1
	w.bare, err = kubernetes.NewForConfig(protobuf(bare))
	return err
}

// protobuf is what controller-runtime's client speaks for Kubernetes' own kinds.
func protobuf(cfg *rest.Config) *rest.Config {
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return cfg
}

// stop ends everything, the last first.
func (w *world) stop() {
	w.stopController()
	_ = w.plane.Stop() // the figures are there, and the kernel ends what is left
}
