//go:build e2e

package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// plantedFile is on every node.
const plantedFile = "/var/tmp/planted"

// plant puts a text that is hidden like a secret where none must be: into an object, a
// log and a file of a node. A search that does not find it proves nothing.
func plant(ctx context.Context) {
	GinkgoHelper()
	const text = "canary-planted-by-the-spec"
	world.Hide(text)
	meta := metav1.ObjectMeta{Namespace: consumer, Name: "planted"}
	pod := &corev1.Pod{ObjectMeta: meta, Spec: shell(`echo "$PLANTED"; sleep infinity`, corev1.EnvVar{Name: "PLANTED", ValueFrom: &corev1.EnvVarSource{
		ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "planted"}, Key: "text"},
	}})}
	pod.Spec.NodeName = "rebirth-worker"
	create(ctx, &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"text": text}}, pod)
	for _, node := range nodeNames {
		_, err := world.Cluster.OnNode(ctx, node, "bash", "-c", "echo "+text+" | base64 > "+plantedFile)
		Expect(err).NotTo(HaveOccurred())
	}
	Eventually(ctx, func(g Gomega) {
		log, err := world.Cluster.Kubectl(ctx, "--namespace", consumer, "logs", "planted")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(log).To(ContainSubstring(text))
	}).WithTimeout(patience).Should(Succeed())
}

// beOnlyThePlanted matches what a search finds when nothing has leaked.
func beOnlyThePlanted() OmegaMatcher {
	planted := []any{
		HaveField("Where", "ConfigMap "+consumer+"/planted"),
		HaveField("Where", "log "+consumer+"_planted_shell.log"),
		HaveField("Where", MatchRegexp("^file /var/log/pods/"+consumer+"_planted_.* on rebirth-worker$")),
	}
	for _, node := range nodeNames {
		planted = append(planted, HaveField("Where", "file "+plantedFile+" on "+node))
	}
	return ConsistOf(planted...)
}
