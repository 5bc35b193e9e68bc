package gateflux_test

import (
	"context"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/kubelet"
)

// releaseName is the manifests' name of namespace, release and Deployment.
const releaseName = "readiness-gate"

var gateDeployment = client.ObjectKey{Namespace: releaseName, Name: releaseName}

// startController plays the kubelet for the Deployment that Flux installs: it runs the
// program, and has the pod Ready once /readyz says so. The caller stops it.
func startController(ctx context.Context) *kubelet.Controller {
	GinkgoHelper()
	deployment := &appsv1.Deployment{}
	Eventually(ctx, admin.Get).WithArguments(gateDeployment, deployment).Should(Succeed())
	controller, err := kubelet.StartController(ctx, plane, kubelet.ControllerOptions{
		Program: program, Pod: kubelet.PodOf(deployment.Spec.Template, releaseName), Dir: GinkgoT().TempDir(), Log: logFile,
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(flux.SetDeploymentReady(ctx, admin, gateDeployment, true)).To(Succeed())
	return controller
}

func stop(controller *kubelet.Controller) {
	GinkgoHelper()
	Expect(controller.Stop(syscall.SIGTERM, 30*time.Second)).To(Succeed())
}
