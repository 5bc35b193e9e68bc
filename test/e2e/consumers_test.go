//go:build e2e

package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/e2e/images"
)

// consumerSpecs are about what kubelets make of a mirror. They leave nothing behind.
func consumerSpecs() {
	It("lets a pod that waits for its Secret start once the mirror is there, with no right of its own and no restart (S8)", func(ctx SpecContext) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: consumer, Name: "patient"}, Spec: shell("sleep infinity", passwordFrom("patient"))}
		create(ctx, pod)
		Eventually(ctx, func(g Gomega) {
			started := containerStatus(ctx, g, "patient").State
			g.Expect(started.Waiting).NotTo(BeNil())
			g.Expect(started.Waiting.Reason).To(Equal("CreateContainerConfigError"))
		}).Should(Succeed())

		create(ctx, importOf("patient", "grafana", v1alpha1.KeyMapping{From: "password"}))
		Eventually(ctx, func(g Gomega) {
			status := containerStatus(ctx, g, "patient")
			g.Expect(status.State.Running).NotTo(BeNil())
			g.Expect(status.RestartCount).To(BeZero())
		}).WithTimeout(patience).Should(Succeed())
		Expect(read(ctx, Default, &corev1.Pod{}, key(consumer, "patient")).UID).To(Equal(pod.UID))
	}, SpecTimeout(10*time.Minute))

	It("does not restart a workload that crashes although its password is right (S21)", func(ctx SpecContext) {
		create(ctx, importOf("crasher", "grafana", v1alpha1.KeyMapping{From: "password"}), deployment("crasher", shell("exit 1", passwordFrom("crasher"))))
		Eventually(ctx, func(g Gomega) {
			pods := podsOf(ctx, g, "crasher")
			g.Expect(pods).To(HaveLen(1))
			g.Expect(pods[0].Status.ContainerStatuses).To(HaveLen(1))
			g.Expect(pods[0].Status.ContainerStatuses[0].RestartCount).To(BeNumerically(">=", 2))
		}).WithTimeout(patience).Should(Succeed())
		Expect(read(ctx, Default, &appsv1.Deployment{}, key(consumer, "crasher")).Generation).To(BeEquivalentTo(1))
		expectImported(ctx, "crasher")
	}, SpecTimeout(10*time.Minute))

	It("renews a certificate that an initContainer copied at the start: one rollout, and the new process has it (S11)", func(ctx SpecContext) {
		certificate := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: database, Name: clientCertificate}, StringData: map[string]string{"tls.crt": "the first"}}
		create(ctx, certificate,
			&v1alpha1.SecretExport{ObjectMeta: metav1.ObjectMeta{Namespace: database, Name: clientCertificate}, Spec: v1alpha1.SecretExportSpec{
				Source: v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: clientCertificate}},
				To:     []v1alpha1.ExportDestination{{Namespace: consumer}},
			}},
			importOf("copier", clientCertificate, v1alpha1.KeyMapping{From: "tls.crt"}), deployment("copier", copier()))
		expectAvailable(ctx, consumer, "copier")
		expectCopied(ctx, "the first")

		certificate.StringData = map[string]string{"tls.crt": "the second"}
		Expect(world.Client.Update(ctx, certificate)).To(Succeed())
		expectCopied(ctx, "the second")
		expectAvailable(ctx, consumer, "copier")
		Expect(read(ctx, Default, &appsv1.Deployment{}, key(consumer, "copier")).Generation).To(BeEquivalentTo(2), "it was rolled out once")
		expectImported(ctx, "copier")
	}, SpecTimeout(10*time.Minute))
}

// clientCertificate is a Secret that the chart's values let secret-sync read.
const clientCertificate = "tazlab-db-client-cert"

// create makes objects that the spec's end takes away.
func create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(world.Client.Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx context.Context) {
			Expect(client.IgnoreNotFound(world.Client.Delete(ctx, object, client.GracePeriodSeconds(0)))).To(Succeed())
		})
	}
}

// importOf asks for keys of an export of the database's namespace, into a Secret of
// the import's name.
func importOf(name, export string, keys ...v1alpha1.KeyMapping) *v1alpha1.SecretImport {
	return &v1alpha1.SecretImport{ObjectMeta: metav1.ObjectMeta{Namespace: consumer, Name: name}, Spec: v1alpha1.SecretImportSpec{
		From:   v1alpha1.ExportReference{Namespace: database, Name: export},
		Target: v1alpha1.ImportTarget{Name: name, Keys: keys},
	}}
}

func expectImported(ctx context.Context, name string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		imported := read(ctx, g, &v1alpha1.SecretImport{}, key(consumer, name))
		g.Expect(imported.Status.Conditions).To(ContainElement(SatisfyAll(
			HaveField("Type", "Ready"), HaveField("Status", metav1.ConditionTrue))), "%v", imported.Status.Conditions)
	}).Should(Succeed())
}

// shell is a pod without rights that runs one command.
func shell(command string, env ...corev1.EnvVar) corev1.PodSpec {
	return corev1.PodSpec{
		AutomountServiceAccountToken:  ptr.To(false),
		TerminationGracePeriodSeconds: ptr.To[int64](0),
		Containers:                    []corev1.Container{container("shell", command, env)},
	}
}

func container(name, command string, env []corev1.EnvVar) corev1.Container {
	return corev1.Container{Name: name, Image: images.Repository + "postgres:" + images.Tag, Command: []string{"bash", "-c", command}, Env: env}
}

func passwordFrom(secret string) corev1.EnvVar {
	return corev1.EnvVar{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "password",
	}}}
}

// copier copies its certificate when it starts, and never looks again.
func copier() corev1.PodSpec {
	spec := shell("sleep infinity")
	spec.Volumes = []corev1.Volume{
		{Name: "mirror", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "copier"}}},
		{Name: "copy", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}},
	}
	copying := container("copy", "cp /mirror/tls.crt /copy/tls.crt", nil)
	copying.VolumeMounts = []corev1.VolumeMount{{Name: "mirror", MountPath: "/mirror"}, {Name: "copy", MountPath: "/copy"}}
	spec.InitContainers = []corev1.Container{copying}
	spec.Containers[0].VolumeMounts = copying.VolumeMounts[1:]
	return spec
}

func expectCopied(ctx context.Context, certificate string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		out, err := world.Cluster.Kubectl(ctx, "--namespace", consumer, "exec", "deployment/copier", "--container", "shell", "--", "cat", "/copy/tls.crt")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(out).To(Equal(certificate))
	}).WithTimeout(patience).Should(Succeed())
}

func deployment(name string, pod corev1.PodSpec) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: consumer, Name: name}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
	}}
}

func podsOf(ctx context.Context, g Gomega, deployment string) []corev1.Pod {
	GinkgoHelper()
	var pods corev1.PodList
	g.Expect(world.Client.List(ctx, &pods, client.InNamespace(consumer), client.MatchingLabels{"app": deployment})).To(Succeed())
	return pods.Items
}

func containerStatus(ctx context.Context, g Gomega, pod string) corev1.ContainerStatus {
	GinkgoHelper()
	statuses := read(ctx, g, &corev1.Pod{}, key(consumer, pod)).Status.ContainerStatuses
	g.Expect(statuses).To(HaveLen(1))
	return statuses[0]
}
