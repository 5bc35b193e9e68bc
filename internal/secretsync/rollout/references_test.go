package rollout_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

var _ = Describe("Which keys a container reads", func() {
	// Each spec changes one key at a time: a restart shows that it is read.
	DescribeTable("is what its environment and its mounts show",
		func(spec corev1.PodSpec, read ...string) {
			w := deployment("grafana", reading(spec))
			pod := podOf(w, sec(-9))
			found := []string{}
			for _, key := range []string{"password", "tls.crt", "user"} {
				f := factsOf([]rollout.Workload{w}, pod)
				f.Changed = map[string]time.Time{key: changedAt}
				if len(rollout.Decide(f).Restarts) > 0 {
					found = append(found, key)
				}
			}
			Expect(found).To(HaveExactElements(read))
		},
		Entry("env: that key", corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{envKey("password")}}}},
			"password"),
		Entry("env of another Secret: none", corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{
			Name: "X", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: "other"}, Key: "password"}}}}}}}),
		Entry("envFrom: all", corev1.PodSpec{Containers: []corev1.Container{{Name: "app", EnvFrom: []corev1.EnvFromSource{{
			SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secretName}}}}}}},
			"password", "tls.crt", "user"),
		Entry("envFrom of a ConfigMap of that name: none", corev1.PodSpec{Containers: []corev1.Container{{Name: "app", EnvFrom: []corev1.EnvFromSource{{
			ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secretName}}}}}}}),
		Entry("a volume: all", mounting(secretVolume(), ""),
			"password", "tls.crt", "user"),
		Entry("a volume with items: those", mounting(secretVolume(corev1.KeyToPath{Key: "tls.crt", Path: "client.crt"}), ""),
			"tls.crt"),
		Entry("a volume that isn't mounted: none", corev1.PodSpec{
			Volumes: []corev1.Volume{secretVolume()}, Containers: []corev1.Container{{Name: "app"}}}),
		Entry("a projected volume: all", mounting(projectedVolume(), ""),
			"password", "tls.crt", "user"),
		Entry("a projected volume with items: those", mounting(projectedVolume(corev1.KeyToPath{Key: "user", Path: "u"}), ""),
			"user"),
		Entry("a subPath: that key", mounting(secretVolume(), "tls.crt"),
			"tls.crt"),
		Entry("a subPath of a renamed item: its key", mounting(secretVolume(
			corev1.KeyToPath{Key: "tls.crt", Path: "client.crt"}, corev1.KeyToPath{Key: "user", Path: "tls.crt"}), "client.crt"),
			"tls.crt"),
		Entry("a subPath that is a folder of items: those", mounting(secretVolume(
			corev1.KeyToPath{Key: "tls.crt", Path: "tls/client.crt"}, corev1.KeyToPath{Key: "user", Path: "tls.user"}), "tls/"),
			"tls.crt"),
		Entry("several ways: together", corev1.PodSpec{
			Volumes: []corev1.Volume{secretVolume(corev1.KeyToPath{Key: "tls.crt", Path: "client.crt"})},
			Containers: []corev1.Container{
				{Name: "app", Env: []corev1.EnvVar{envKey("password")}},
				{Name: "side", VolumeMounts: []corev1.VolumeMount{{Name: "secret"}}},
			}},
			"password", "tls.crt"),
		Entry("an init container's: too", corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "migrate", Env: []corev1.EnvVar{envKey("user")}}},
			Containers:     []corev1.Container{{Name: "app"}}},
			"user"),
		Entry("a Secret for pulling images: none", corev1.PodSpec{
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: secretName}},
			Containers:       []corev1.Container{{Name: "app"}}}),
	)
})
