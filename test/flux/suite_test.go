package flux_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/flux"
)

func TestFlux(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Flux")
}

var (
	cp    *controlplane.ControlPlane
	fl    *flux.Flux
	admin client.Client
)

var _ = BeforeSuite(func(ctx SpecContext) {
	crds, err := flux.CRDs(ctx)
	Expect(err).NotTo(HaveOccurred())
	cp, err = controlplane.Start(ctx, controlplane.Options{Progress: GinkgoWriter, Manifests: [][]byte{crds}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cp.Stop()).To(Succeed()) })
	admin, err = client.New(cp.AdminConfig(), client.Options{})
	Expect(err).NotTo(HaveOccurred())
	fl, err = flux.Start(ctx, cp, flux.Options{Progress: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(fl.Stop()).To(Succeed()) })
}, NodeTimeout(30*time.Minute)) // the first build of the programs takes minutes

// What Flux said is shown with a failed spec.
var _ = ReportAfterEach(func(report SpecReport) {
	if !report.Failed() || fl == nil {
		return
	}
	for _, name := range []string{"source-controller", "kustomize-controller", "helm-controller"} {
		log, err := os.ReadFile(fl.Log(name))
		if err == nil && len(log) > 8192 {
			log = log[len(log)-8192:]
		}
		AddReportEntry(name, string(log))
	}
})

func push(ctx context.Context, name string, files map[string]string) string {
	GinkgoHelper()
	tree := fstest.MapFS{}
	for path, content := range files {
		tree[path] = &fstest.MapFile{Data: []byte(content)}
	}
	revision, err := fl.Push(ctx, name, tree)
	Expect(err).NotTo(HaveOccurred())
	return revision
}

func apply(ctx context.Context, documents string) {
	GinkgoHelper()
	Expect(cp.ApplyYAMLIn(ctx, flux.Namespace, []byte(documents))).To(Succeed())
}

func inFlux(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: flux.Namespace, Name: name}
}

// kustomization is the condition Ready of that Kustomization in flux-system.
func kustomization(name string) func(context.Context) (metav1.Condition, error) {
	return func(ctx context.Context) (metav1.Condition, error) {
		return fl.Ready(ctx, flux.Kustomization, inFlux(name))
	}
}

func haveStatus(status metav1.ConditionStatus) OmegaMatcher { return HaveField("Status", status) }

func configMap(namespace, name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

// dataOf is the data of a ConfigMap, nil while there is none.
func dataOf(namespace, name string) func(context.Context) (map[string]string, error) {
	return func(ctx context.Context) (map[string]string, error) {
		found := &corev1.ConfigMap{}
		err := admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, found)
		return found.Data, client.IgnoreNotFound(err)
	}
}

func manifest(name, value string) string {
	return strings.NewReplacer("NAME", name, "VALUE", value).Replace(
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, namespace: default}\ndata: {value: VALUE}\n")
}

func available(ctx context.Context, name string) int32 {
	GinkgoHelper()
	deployment := &appsv1.Deployment{}
	Expect(admin.Get(ctx, inFlux(name), deployment)).To(Succeed())
	return deployment.Status.AvailableReplicas
}
