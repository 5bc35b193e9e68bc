package flux_test

import (
	"context"
	"io/fs"
	"os"
	"testing/fstest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/flux"
)

func helmRelease(name string) func(context.Context) (metav1.Condition, error) {
	return func(ctx context.Context) (metav1.Condition, error) {
		return fl.Ready(ctx, flux.HelmRelease, inFlux(name))
	}
}

// tree is a copy of testdata, for a spec to change.
func tree() fstest.MapFS {
	GinkgoHelper()
	copied, testdata := fstest.MapFS{}, os.DirFS("testdata")
	Expect(fs.WalkDir(testdata, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(testdata, path)
		copied[path] = &fstest.MapFile{Data: content}
		return err
	})).To(Succeed())
	return copied
}

var _ = Describe("helm-controller", func() {
	It("installs a chart from Git, waits for its Deployment, and upgrades after a push", func(ctx SpecContext) {
		files := tree()
		Expect(fl.Push(ctx, "charts", files)).NotTo(BeEmpty())
		apply(ctx, `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: greeter}
spec:
  interval: 1h
  targetNamespace: greetings
  releaseName: greeter
  install: {createNamespace: true, strategy: {name: RetryOnFailure}}
  chart:
    spec:
      chart: greeter
      reconcileStrategy: Revision
      sourceRef: {kind: GitRepository, name: charts}
`)
		Eventually(ctx, dataOf("greetings", "greeter")).Should(HaveKeyWithValue("greeting", "hello"))
		Consistently(ctx, helmRelease("greeter")).WithTimeout(3 * time.Second).ShouldNot(haveStatus(metav1.ConditionTrue))

		deployment := client.ObjectKey{Namespace: "greetings", Name: "greeter"}
		Expect(flux.SetDeploymentReady(ctx, admin, deployment, true)).To(Succeed())
		Eventually(ctx, helmRelease("greeter")).Should(And(haveStatus(metav1.ConditionTrue), HaveField("Reason", "InstallSucceeded")))

		files["greeter/values.yaml"] = &fstest.MapFile{Data: []byte("greeting: ahoy\n")}
		Expect(fl.Push(ctx, "charts", files)).NotTo(BeEmpty())
		Eventually(ctx, helmRelease("greeter")).Should(And(haveStatus(metav1.ConditionTrue), HaveField("Reason", "UpgradeSucceeded")))
		Expect(dataOf("greetings", "greeter")(ctx)).To(HaveKeyWithValue("greeting", "ahoy"))
	}, SpecTimeout(2*time.Minute))

	It("installs without waiting where the release says so", func(ctx SpecContext) {
		Expect(fl.Push(ctx, "hasty", os.DirFS("testdata"))).NotTo(BeEmpty())
		apply(ctx, `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: hasty}
spec:
  interval: 1h
  install: {disableWait: true}
  values: {greeting: hi}
  chart:
    spec:
      chart: greeter
      sourceRef: {kind: GitRepository, name: hasty}
`)
		Eventually(ctx, helmRelease("hasty")).Should(haveStatus(metav1.ConditionTrue))
		Expect(dataOf(flux.Namespace, "hasty")(ctx)).To(HaveKeyWithValue("greeting", "hi"))
		Expect(fl.Ready(ctx, flux.HelmChart, inFlux("flux-system-hasty"))).To(haveStatus(metav1.ConditionTrue))
	}, SpecTimeout(2*time.Minute))
})

var _ = Describe("A played kubelet", func() {
	It("makes a Deployment available, and unavailable again", func(ctx SpecContext) {
		apply(ctx, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: played}
spec:
  replicas: 2
  selector: {matchLabels: {app: played}}
  template:
    metadata: {labels: {app: played}}
    spec: {containers: [{name: main, image: none}]}
`)
		for _, ready := range []bool{true, false, true} {
			Expect(flux.SetDeploymentReady(ctx, admin, inFlux("played"), ready)).To(Succeed())
			Expect(available(ctx, "played")).To(Equal(map[bool]int32{true: 2, false: 0}[ready]))
		}
	}, SpecTimeout(2*time.Minute))
})
