package kubelet

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

func TestKubelet(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The played kubelet")
}

const chart = `
kind: ServiceAccount
apiVersion: v1
metadata: {name: somebody}
---
kind: DaemonSet
apiVersion: apps/v1
metadata: {name: agent, namespace: there}
spec:
  template:
    spec:
      serviceAccountName: nobody
      containers:
        - name: agent
          args: [agent, --node=$(NODE_NAME), --other=$(OTHER), --key-file=/keys/key, --address=:8475]
          env:
            - {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
            - {name: GOMEMLIMIT, value: 12MiB}
---
kind: Deployment
apiVersion: apps/v1
metadata: {name: controller, namespace: there}
spec:
  template:
    spec:
      serviceAccountName: somebody
      containers:
        - name: controller
          env: [{name: RUNTIME_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}]
`

var _ = Describe("A container", func() {
	It("runs with the arguments and the environment of its pod, and with what this machine adds", func(ctx context.Context) {
		pod, err := RenderedPod([]byte(chart), "DaemonSet")
		Expect(err).NotTo(HaveOccurred())
		pod.Spec.NodeName = "worker-1"
		dir := GinkgoT().TempDir()
		script := filepath.Join(dir, "program")
		Expect(os.WriteFile(script, []byte("#!/bin/sh\necho \"$GOMEMLIMIT $MORE $*\"\n"), 0o700)).To(Succeed())
		child, err := Start(Container{
			Program: script, Pod: pod, Mounts: map[string]string{"/keys": dir}, Log: filepath.Join(dir, "log"),
			Args: []string{"--address=127.0.0.1:1"}, Env: []string{"MORE=more"},
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return child.Stop(os.Kill, time.Minute) })
		Eventually(ctx, func() (string, error) {
			log, err := os.ReadFile(filepath.Join(dir, "log"))
			return string(log), err
		}).WithTimeout(10 * time.Second).Should(Equal(
			"12MiB more agent --node=worker-1 --other=$(OTHER) --key-file=" + dir + "/key --address=:8475 --address=127.0.0.1:1\n"))
	})

	It("is not run when a variable of it comes from what is not played", func() {
		pod, err := RenderedPod([]byte(chart), "Deployment")
		Expect(err).NotTo(HaveOccurred())
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{
			Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "password"}},
		})
		_, err = Start(Container{Program: "/bin/true", Pod: pod})
		Expect(err).To(MatchError(ContainSubstring("variable PASSWORD")))
	})
})

var _ = Describe("A chart's pod", func() {
	It("is that of the workload of the kind, in its namespace", func() {
		pod, err := RenderedPod([]byte(chart), "Deployment")
		Expect(err).NotTo(HaveOccurred())
		Expect(pod.Namespace).To(Equal("there"))
		Expect(pod.Spec.ServiceAccountName).To(Equal("somebody"))
		Expect(environment(pod)).To(ConsistOf(corev1.EnvVar{Name: "RUNTIME_NAMESPACE", Value: "there"}))
	})

	It("is missed by its kind", func() {
		_, err := RenderedPod([]byte(chart), "StatefulSet")
		Expect(err).To(MatchError(ContainSubstring("a StatefulSet among the chart's objects")))
	})
})
