package gateflux_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/process"
)

// releaseName is the manifests' name of namespace, release and Deployment.
const releaseName = "readiness-gate"

var gateDeployment = client.ObjectKey{Namespace: releaseName, Name: releaseName}

// startController plays the kubelet for the Deployment that Flux installs: it runs
// the program with the container's arguments as the pod's ServiceAccount, and has
// the pod Ready once /readyz says so. Only the addresses are others, for want of a
// network of its own. The caller stops it.
func startController(ctx context.Context) *process.Process {
	GinkgoHelper()
	deployment := &appsv1.Deployment{}
	Eventually(ctx, admin.Get).WithArguments(gateDeployment, deployment).Should(Succeed())
	pod := deployment.Spec.Template.Spec
	account, err := plane.ServiceAccountConfig(ctx, releaseName, pod.ServiceAccountName)
	Expect(err).NotTo(HaveOccurred())
	kubeconfig, health := filepath.Join(GinkgoT().TempDir(), "kubeconfig"), fmt.Sprintf("127.0.0.1:%d", freePort())
	Expect(plane.WriteKubeconfig(account, kubeconfig)).To(Succeed())
	controller, err := process.Start(process.Command{
		Path: program,
		Args: append(pod.Containers[0].Args, "--metrics-addr=0", "--health-addr="+health),
		Env:  []string{"RUNTIME_NAMESPACE=" + releaseName, "KUBECONFIG=" + kubeconfig},
		Log:  logFile,
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(controller.Await(ctx, func(ctx context.Context) error { return ask(ctx, "http://"+health+"/readyz") })).To(Succeed())
	Expect(flux.SetDeploymentReady(ctx, admin, gateDeployment, true)).To(Succeed())
	return controller
}

func stop(controller *process.Process) {
	GinkgoHelper()
	Expect(controller.Stop(syscall.SIGTERM, 30*time.Second)).To(Succeed())
}

func ask(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}
