package secretsync_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("What a mirror holds", func() {
	It("is a client certificate of a day, whose copy by an init container is renewed before it ends (S11)", func(ctx context.Context) {
		run(ctx, settings{})
		source := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: databaseNamespace, Name: "client-tls"}, Type: corev1.SecretTypeTLS}
		var ends time.Time
		source.Data, ends = certificate()
		export := anExport("client-tls", func(e *v1alpha1.SecretExport) {
			e.Spec.Source = v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: source.Name}}
		})
		imp := anImport("client-tls", restartAtOnce)
		create(ctx, source, export, imp)
		Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		app := aDeployment("client", source.Name, copiesAtStart)
		deploy(ctx, app)

		renewed, _ := certificate()
		update(ctx, source, func(s *corev1.Secret) { s.Data = renewed })
		Eventually(restartsOf(ctx, app)).Should(BeEquivalentTo(1))
		Expect(secretNamed(ctx, source.Name)(Default)).To(And(HaveField("Type", corev1.SecretTypeTLS), HaveField("Data", renewed)))
		start(ctx, app)
		Eventually(handled(ctx, imp)).Should(BeTrue())
		Expect(imp.Status.Restart.Last).To(ConsistOf(And(
			HaveField("Name", "client"), HaveField("Time.Time", BeTemporally("<", ends)))))
		Consistently(restartsOf(ctx, app)).Should(BeEquivalentTo(1))
	})

	It("is none of the source's labels, annotations and owners (S17)", func(ctx context.Context) {
		run(ctx, settings{})
		g := mirroredGrafana(ctx)
		source, err := g.cluster.Secret(ctx, "grafana")
		Expect(err).NotTo(HaveOccurred())
		update(ctx, source, func(s *corev1.Secret) {
			s.Labels["kustomize.toolkit.fluxcd.io/name"], s.Labels["kustomize.toolkit.fluxcd.io/namespace"] = "databases", "flux-system"
			s.Annotations = map[string]string{
				"reflector.v1.k8s.emberstack.com/reflection-allowed":      "true",
				"reflector.v1.k8s.emberstack.com/reflection-auto-enabled": "true",
				"kubectl.kubernetes.io/last-applied-configuration":        "{}",
			}
		})
		Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
		g.expectMirrored(ctx)

		mirror := secretNamed(ctx, grafanaSecret)(Default)
		Expect(mirror.Labels).To(Equal(map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue}))
		Expect(mirror.Annotations).To(And(HaveLen(2), HaveKey(v1alpha1.SourceAnnotation), HaveKey(v1alpha1.ChangedAnnotation)))
		Expect(mirror.OwnerReferences).To(ConsistOf(And(HaveField("Kind", v1alpha1.SecretImportKind), HaveField("UID", g.imp.UID))))
	})

	It("is what is declared and nothing else, and no key of it is empty (S22)", func(ctx context.Context) {
		run(ctx, settings{})
		source := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: databaseNamespace, Name: "either-or"},
			Data:       map[string][]byte{"url": []byte("postgres://db"), "password": []byte(canaryPassword("")), "token": nil},
		}
		export := anExport(source.Name, func(e *v1alpha1.SecretExport) {
			e.Spec.Source = v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: source.Name}}
		})
		imp := anImport(source.Name, func(i *v1alpha1.SecretImport) {
			i.Spec.Target.Keys = []v1alpha1.KeyMapping{{From: "password", To: "GF_DATABASE_PASSWORD"}}
		})
		create(ctx, source, export, imp)
		Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		declared := Equal(map[string][]byte{"GF_DATABASE_PASSWORD": source.Data["password"]})
		Expect(secretNamed(ctx, source.Name)(Default).Data).To(declared)

		By("a declared key is empty")
		update(ctx, imp, func(i *v1alpha1.SecretImport) {
			i.Spec.Target.Keys = append(i.Spec.Target.Keys, v1alpha1.KeyMapping{From: "token", To: "GF_TOKEN"})
		})
		Eventually(ready(ctx, imp)).Should(And(
			haveReason(metav1.ConditionFalse, v1alpha1.KeyEmptyReason),
			HaveField("Message", ContainSubstring(`spec.target.keys[1].from: the exported key "token" is empty`)),
		))
		Expect(secretNamed(ctx, source.Name)(Default).Data).To(declared)
		update(ctx, source, func(s *corev1.Secret) { s.Data["token"] = []byte("t") })
		Eventually(mirrorOf(ctx, source.Name)).Should(And(HaveLen(2), HaveKeyWithValue("GF_TOKEN", "t")))
	})
})

// copiesAtStart has an init container copy the Secret to where the app reads it.
func copiesAtStart(d *appsv1.Deployment) {
	spec := &d.Spec.Template.Spec
	secret := spec.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name
	spec.Volumes = []corev1.Volume{
		{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}},
		{Name: "copy", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	shared := corev1.VolumeMount{Name: "copy", MountPath: "/copy"}
	spec.InitContainers = []corev1.Container{{
		Name: "copy", Image: "app", VolumeMounts: []corev1.VolumeMount{{Name: "tls", MountPath: "/tls"}, shared},
	}}
	spec.Containers[0].Env, spec.Containers[0].VolumeMounts = nil, []corev1.VolumeMount{shared}
}

// certificate returns a key pair for 24 hours, and when it ends.
func certificate() (pair map[string][]byte, ends time.Time) {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	ends = time.Now().Add(24 * time.Hour)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotBefore: time.Now(), NotAfter: ends}
	public, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	private, err := x509.MarshalPKCS8PrivateKey(key)
	Expect(err).NotTo(HaveOccurred())
	return map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, ends
}
