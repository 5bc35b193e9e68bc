package flux_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A health check is looked at when it starts and then every 5 s.
const overOnePoll = 7 * time.Second

var _ = Describe("kustomize-controller", func() {
	It("applies what each pushed revision holds, and prunes what it no longer does", func(ctx SpecContext) {
		revision := push(ctx, "apps", map[string]string{"one.yaml": manifest("one", "first"), "two.yaml": manifest("two", "first")})
		Expect(revision).To(MatchRegexp(`^main@sha1:[0-9a-f]{40}$`))
		apply(ctx, `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps}
spec: {interval: 1h, prune: true, sourceRef: {kind: GitRepository, name: apps}}
`)
		Eventually(ctx, kustomization("apps")).Should(And(haveStatus(metav1.ConditionTrue), HaveField("Message", ContainSubstring(revision))))
		Expect(dataOf("default", "one")(ctx)).To(HaveKeyWithValue("value", "first"))
		Expect(dataOf("default", "two")(ctx)).To(HaveKeyWithValue("value", "first"))

		next := push(ctx, "apps", map[string]string{"sub/one.yaml": manifest("one", "second")})
		Expect(next).NotTo(Equal(revision))
		Eventually(ctx, kustomization("apps")).Should(And(haveStatus(metav1.ConditionTrue), HaveField("Message", ContainSubstring(next))))
		Expect(dataOf("default", "one")(ctx)).To(HaveKeyWithValue("value", "second"))
		Expect(dataOf("default", "two")(ctx)).To(BeNil())
	}, SpecTimeout(2*time.Minute))

	It("says in the condition what is wrong with a revision", func(ctx SpecContext) {
		push(ctx, "broken", map[string]string{"broken.yaml": manifest("Not_A_Name", "x")})
		apply(ctx, `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: broken}
spec: {interval: 1h, prune: true, sourceRef: {kind: GitRepository, name: broken}}
`)
		Eventually(ctx, kustomization("broken")).Should(And(haveStatus(metav1.ConditionFalse), HaveField("Message", ContainSubstring("Not_A_Name"))))
	}, SpecTimeout(2*time.Minute))

	It("ignores health checks beside wait: true", func(ctx SpecContext) {
		push(ctx, "ignored", map[string]string{"config.yaml": manifest("ignored", "x")})
		apply(ctx, `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: ignored}
spec:
  interval: 1h
  prune: true
  sourceRef: {kind: GitRepository, name: ignored}
  wait: true
  healthChecks: [{apiVersion: v1, kind: ConfigMap, namespace: default, name: never-there}]
`)
		Eventually(ctx, kustomization("ignored")).Should(haveStatus(metav1.ConditionTrue))
		Expect(dataOf("default", "never-there")(ctx)).To(BeNil())
	}, SpecTimeout(2*time.Minute))

	It("holds a Kustomization, and what depends on it, until a health-checked ConfigMap exists", func(ctx SpecContext) {
		push(ctx, "held", map[string]string{"gate/config.yaml": manifest("gate", "x"), "behind/config.yaml": manifest("behind", "x")})
		apply(ctx, `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: gate}
spec:
  interval: 1h
  timeout: 1m
  prune: true
  path: gate
  sourceRef: {kind: GitRepository, name: held}
  healthChecks: [{apiVersion: v1, kind: ConfigMap, namespace: default, name: verdict}]
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: behind}
spec:
  interval: 1h
  prune: true
  path: behind
  sourceRef: {kind: GitRepository, name: held}
  dependsOn: [{name: gate}]
`)
		Eventually(ctx, dataOf("default", "gate")).ShouldNot(BeNil(), "the gate's own objects are applied")
		Eventually(ctx, kustomization("behind")).Should(HaveField("Reason", "DependencyNotReady"))
		Consistently(ctx, kustomization("gate")).WithTimeout(overOnePoll).ShouldNot(haveStatus(metav1.ConditionTrue))
		Expect(dataOf("default", "behind")(ctx)).To(BeNil())

		Expect(admin.Create(ctx, configMap("default", "verdict", nil))).To(Succeed())
		Eventually(ctx, kustomization("gate")).Should(haveStatus(metav1.ConditionTrue))
		Eventually(ctx, kustomization("behind")).Should(haveStatus(metav1.ConditionTrue))
		Expect(dataOf("default", "behind")(ctx)).NotTo(BeNil())
	}, SpecTimeout(2*time.Minute))

	It("tries again within retryInterval after a health check that failed, without a nudge", func(ctx SpecContext) {
		push(ctx, "retried", map[string]string{"config.yaml": manifest("retried", "x")})
		// An expression fails at once. An absent object fails after the timeout, which
		// kustomize-controller (GetTimeout of its API) never takes for less than 30 s.
		verdict := configMap("default", "late", map[string]string{"ready": "false"})
		Expect(admin.Create(ctx, verdict)).To(Succeed())
		apply(ctx, `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: retried}
spec:
  interval: 1h
  retryInterval: 2s
  prune: true
  sourceRef: {kind: GitRepository, name: retried}
  healthChecks: [{apiVersion: v1, kind: ConfigMap, namespace: default, name: late}]
  healthCheckExprs: [{apiVersion: v1, kind: ConfigMap, current: "data.ready == 'true'", failed: "data.ready == 'false'"}]
`)
		Eventually(ctx, kustomization("retried")).Should(And(haveStatus(metav1.ConditionFalse), HaveField("Reason", "HealthCheckFailed")))
		verdict.Data["ready"] = "true"
		Expect(admin.Update(ctx, verdict)).To(Succeed())
		Eventually(ctx, kustomization("retried")).Should(haveStatus(metav1.ConditionTrue))
	}, SpecTimeout(2*time.Minute))
})
