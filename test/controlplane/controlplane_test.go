package controlplane_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/controlplane"
)

func TestControlPlane(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Control plane")
}

var (
	cp       *controlplane.ControlPlane
	admin    client.Client
	progress bytes.Buffer
)

var _ = BeforeSuite(func(ctx SpecContext) {
	pgo, err := controlplane.PGOCRDs(ctx)
	Expect(err).NotTo(HaveOccurred())
	externalSecrets, err := controlplane.ExternalSecretsCRDs(ctx)
	Expect(err).NotTo(HaveOccurred())
	cp, err = controlplane.Start(ctx, controlplane.Options{
		Progress:    &progress,
		Manifests:   [][]byte{pgo, externalSecrets},
		AuditPolicy: controlplane.AuditMetadata,
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cp.Stop()).To(Succeed()) })
	admin = clientFor(cp.AdminConfig())
}, NodeTimeout(30*time.Minute)) // the first build of the programs takes minutes

func clientFor(config *rest.Config) client.Client {
	GinkgoHelper()
	c, err := client.New(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	return c
}

func secret(namespace, name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

var _ = Describe("A control plane", func() {
	It("answers with the version that is pinned, and says where its programs are from", func(SpecContext) {
		api, err := discovery.NewDiscoveryClientForConfig(cp.AdminConfig())
		Expect(err).NotTo(HaveOccurred())
		version, err := api.ServerVersion()
		Expect(err).NotTo(HaveOccurred())
		Expect(version.Major + "." + version.Minor).To(MatchRegexp(`^1\.\d\d$`))
		Expect(version.GitVersion).To(HavePrefix("v1."))
		Expect(progress.String()).To(And(
			ContainSubstring("kube-apiserver: "), ContainSubstring("kube-controller-manager: "), ContainSubstring("control plane: ready")))
	})

	It("serves the kinds of PGO and of External Secrets", func(ctx SpecContext) {
		for apiVersion, kind := range map[string]string{
			"postgres-operator.crunchydata.com/v1beta1": "PostgresClusterList",
			"external-secrets.io/v1":                    "ExternalSecretList",
		} {
			list := &unstructured.UnstructuredList{}
			list.SetAPIVersion(apiVersion)
			list.SetKind(kind)
			Expect(admin.List(ctx, list)).To(Succeed(), kind)
		}
	}, SpecTimeout(time.Minute))

	It("garbage-collects what a deleted object owned", func(ctx SpecContext) {
		owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "owner"}}
		Expect(admin.Create(ctx, owner)).To(Succeed())
		owned := secret("default", "owned")
		owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
		Expect(admin.Create(ctx, owned)).To(Succeed())
		Expect(admin.Delete(ctx, owner)).To(Succeed())
		Eventually(ctx, gone(owned)).Should(BeTrue())
	}, SpecTimeout(time.Minute))

	It("garbage-collects what a custom resource owned, for its kind was there from the start", func(ctx SpecContext) {
		owner := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
			"metadata": map[string]any{"namespace": "default", "name": "owner"},
			"spec":     map[string]any{},
		}}
		Expect(admin.Create(ctx, owner)).To(Succeed())
		owned := secret("default", "owned-by-custom")
		owned.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID()}}
		Expect(admin.Create(ctx, owned)).To(Succeed())
		Expect(admin.Delete(ctx, owner)).To(Succeed())
		Eventually(ctx, gone(owned)).WithTimeout(15 * time.Second).Should(BeTrue())
	}, SpecTimeout(time.Minute))

	It("creates the pods of a Deployment, and ends a deleted namespace", func(ctx SpecContext) {
		Expect(cp.ApplyYAML(ctx, []byte(deployment))).To(Succeed())
		pods := &corev1.PodList{}
		Eventually(ctx, func() ([]corev1.Pod, error) {
			err := admin.List(ctx, pods, client.InNamespace("shop"))
			return pods.Items, err
		}).Should(HaveLen(1))
		Expect(pods.Items[0].Spec.NodeName).To(BeEmpty())

		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
		Expect(admin.Delete(ctx, namespace)).To(Succeed())
		Eventually(ctx, gone(namespace)).WithTimeout(30 * time.Second).Should(BeTrue())
		Expect(gone(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "till"}})(ctx)).To(BeTrue())
	}, SpecTimeout(time.Minute))

	It("lets a service account do what RBAC grants it and nothing else", func(ctx SpecContext) {
		Expect(cp.ApplyYAML(ctx, []byte(reader))).To(Succeed())
		config, err := cp.ServiceAccountConfig(ctx, "default", "reader")
		Expect(err).NotTo(HaveOccurred())
		restricted := clientFor(config)
		Eventually(ctx, func() error { return restricted.List(ctx, &corev1.ConfigMapList{}, client.InNamespace("default")) }).Should(Succeed())
		err = restricted.List(ctx, &corev1.SecretList{}, client.InNamespace("default"))
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring("system:serviceaccount:default:reader")))
	}, SpecTimeout(time.Minute))

	It("refuses who shows no token or a wrong one", func(ctx SpecContext) {
		config := cp.AdminConfig()
		config.BearerToken = "guessed"
		err := clientFor(cp.AdminConfig()).List(ctx, &corev1.SecretList{})
		Expect(err).NotTo(HaveOccurred())
		_, err = discoverAs(config)
		Expect(apierrors.IsUnauthorized(err)).To(BeTrue(), "%v", err)
	}, SpecTimeout(time.Minute))

	It("enforces Pod Security where a namespace asks for it", func(ctx SpecContext) {
		Expect(cp.ApplyYAML(ctx, []byte(restrictedNamespace))).To(Succeed())
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "restricted", Name: "privileged"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
		}
		Eventually(ctx, func() string { return admin.Create(ctx, pod.DeepCopy()).Error() }).
			Should(ContainSubstring(`violates PodSecurity "restricted`))
	}, SpecTimeout(time.Minute))

	It("logs requests as the audit policy asks", func(ctx SpecContext) {
		Expect(admin.Create(ctx, secret("default", "audited"))).To(Succeed())
		Eventually(ctx, func() (string, error) {
			log, err := os.ReadFile(cp.AuditLog())
			return string(log), err
		}).Should(MatchRegexp(`"verb":"create".*"resource":"secrets","namespace":"default","name":"audited"`))
	}, SpecTimeout(time.Minute))

	It("writes a kubeconfig that works and that others can't read", func(SpecContext) {
		path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(cp.WriteKubeconfig(cp.AdminConfig(), path)).To(Succeed())
		info, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))
		config, err := clientcmd.BuildConfigFromFlags("", path)
		Expect(err).NotTo(HaveOccurred())
		Expect(discoverAs(config)).NotTo(BeEmpty())
	})

	It("renders a chart and installs, upgrades and uninstalls one with the real Helm", func(ctx SpecContext) {
		chart := filepath.Join("testdata", "chart")
		rendered, err := cp.RenderChart(ctx, chart, "hello", "default", map[string]any{"greeting": "ahoy"})
		Expect(err).NotTo(HaveOccurred())
		Expect(string(rendered)).To(And(ContainSubstring("greeting: ahoy"), ContainSubstring("kind: CustomResourceDefinition")))
		Expect(cp.ApplyYAMLIn(ctx, "default", rendered)).To(Succeed())
		Expect(cp.ApplyYAML(ctx, []byte(hello))).To(Succeed(), "the chart's own kind is served")

		Expect(cp.Helm(ctx, "install", "again", chart, "--namespace", "again", "--create-namespace")).NotTo(BeEmpty())
		configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "again", Name: "again"}}
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(configMap), configMap)).To(Succeed())
		Expect(configMap.Data).To(HaveKeyWithValue("greeting", "hello"))
		Expect(cp.Helm(ctx, "uninstall", "again", "--namespace", "again")).NotTo(BeEmpty())
		Expect(gone(configMap)(ctx)).To(BeTrue())

		_, err = cp.RenderChart(ctx, "testdata/no-chart", "hello", "default", nil)
		Expect(err).To(MatchError(ContainSubstring("testdata/no-chart")))
	}, SpecTimeout(2*time.Minute))

	It("names the object that can't be applied", func(ctx SpecContext) {
		err := cp.ApplyYAML(ctx, []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: Not_A_Name}\n"))
		Expect(err).To(MatchError(ContainSubstring("apply Secret default/Not_A_Name")))
		Expect(cp.ApplyYAML(ctx, []byte("kind: Secret\n"))).To(MatchError(ContainSubstring("no apiVersion")))
	}, SpecTimeout(time.Minute))
})

func gone(object client.Object) func(context.Context) bool {
	return func(ctx context.Context) bool {
		return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(object), object))
	}
}

func discoverAs(config *rest.Config) ([]byte, error) {
	api, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return api.RESTClient().Verb(http.MethodGet).AbsPath("/api").DoRaw(context.Background())
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: shop, name: till}
spec:
  selector: {matchLabels: {app: till}}
  template:
    metadata: {labels: {app: till}}
    spec: {containers: [{name: main, image: none}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
`

const reader = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: default}]
`

const restrictedNamespace = `
apiVersion: v1
kind: Namespace
metadata:
  name: restricted
  labels: {pod-security.kubernetes.io/enforce: restricted}
`

const hello = `
apiVersion: example.org/v1
kind: Hello
metadata: {name: world}
`
