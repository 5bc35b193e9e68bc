// Package readiness_test holds the specs of readiness-gate on a real control plane:
// the controller with the chart's own rights, real agents and a real CoreDNS.
//
// There is no kubelet and no kube-proxy. Nodes and pods are objects whose status the
// specs write; agents run in this process, each at an address of its own; services'
// addresses lie within loopback, where relays play kube-proxy.
package readiness_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/tazzo/rebirth/internal/readiness"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/coredns"
	"github.com/tazzo/rebirth/test/relay"
)

func TestReadiness(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(3 * time.Second)
	SetDefaultConsistentlyPollingInterval(100 * time.Millisecond)
	RunSpecs(t, "readiness-gate on a control plane")
}

const (
	releaseNamespace = "readiness-gate"
	gateNamespace    = "flux-system"
	keySecret        = "readiness-gate-agent-key"
)

// The fixed parts of the suite.
var (
	plane  *controlplane.ControlPlane
	admin  client.Client
	dns    *coredns.Server
	dnsWay *relay.Relay // kube-proxy's, for the DNS service

	// agents is the chart's DaemonSet: agents' pods are its own.
	agents   *appsv1.DaemonSet
	agentKey = strings.Repeat("k", 32)

	// The services' addresses, of a range for each of Ginkgo's processes, and what DNS
	// says of them.
	apiAddress, dnsAddress string
	answers                coredns.Answers
)

var _ = BeforeSuite(func(ctx context.Context) {
	services := fmt.Sprintf("127.77.%d", GinkgoParallelProcess())
	// The API server gives itself the first address of the services' range.
	apiAddress, dnsAddress = services+".1", services+".10"
	answers = coredns.Zone("kubernetes.default.svc.cluster.local. 30 IN A " + apiAddress)
	privileged, err := net.Listen("tcp4", apiAddress+":443")
	Expect(err).NotTo(HaveOccurred(), "these specs listen on the ports 53 and 443 of loopback addresses: run them as root, or with sysctl net.ipv4.ip_unprivileged_port_start=0")
	Expect(privileged.Close()).To(Succeed())
	ctrl.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(false)))
	chart := renderChart(ctx, nil)
	plane, err = controlplane.Start(ctx, controlplane.Options{
		Progress:      GinkgoWriter,
		Manifests:     [][]byte{namespaces(releaseNamespace, gateNamespace), chart},
		Controllers:   append(append([]string{}, controlplane.DefaultControllers...), "-daemonset-controller", "-deployment-controller"),
		APIServerArgs: []string{"--service-cluster-ip-range=" + services + ".0/24"},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	scheme, err := readiness.Scheme()
	Expect(err).NotTo(HaveOccurred())
	admin, err = client.New(plane.AdminConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())

	host := hostAddress()
	dns, err = coredns.Start(ctx, coredns.Options{Progress: GinkgoWriter, IP: host, Answers: answers})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return dns.Stop() })
	dnsWay = carry(dnsAddress+":53", dns.Addr())
	api, err := url.Parse(plane.AdminConfig().Host)
	Expect(err).NotTo(HaveOccurred())
	carry(apiAddress+":443", api.Host)

	Expect(admin.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: releaseNamespace, Name: keySecret},
		Data:       map[string][]byte{"key": []byte(agentKey)},
	})).To(Succeed())
	mountKey(ctx)
	agents = &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: releaseNamespace, Name: "readiness-gate-agent"}}
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(agents), agents)).To(Succeed())
	for _, namespace := range []string{releaseNamespace, metav1.NamespaceSystem} {
		Eventually(func() error {
			return admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "default"}, &corev1.ServiceAccount{})
		}).Should(Succeed(), "pods need their namespace's ServiceAccount")
	}
}, NodeTimeout(10*time.Minute))

// carry plays kube-proxy for the address of a Service.
func carry(address, upstream string) *relay.Relay {
	GinkgoHelper()
	r, err := relay.Start(address, upstream)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(r.Stop)
	return r
}

// renderChart renders the chart with the suite's values and these.
func renderChart(ctx context.Context, values map[string]any) []byte {
	GinkgoHelper()
	all := map[string]any{
		"gate":           map[string]any{"enabled": false},
		"gateNamespaces": []any{map[string]any{"namespace": gateNamespace}},
	}
	maps.Copy(all, values)
	programs, err := controlplane.Prepare(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	rendered, err := programs.RenderChart(ctx, filepath.Join("..", "..", "charts", "readiness-gate"), "readiness-gate", releaseNamespace, all)
	Expect(err).NotTo(HaveOccurred())
	return rendered
}

func namespaces(names ...string) []byte {
	var out strings.Builder
	for _, name := range names {
		fmt.Fprintf(&out, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", name)
	}
	return []byte(out.String())
}

// hostAddress is an address of this machine outside of loopback: the API refuses an
// EndpointSlice that names another.
func hostAddress() string {
	addresses, err := net.InterfaceAddrs()
	Expect(err).NotTo(HaveOccurred())
	for _, address := range addresses {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	Fail("this machine has no IPv4 address outside of loopback, and an EndpointSlice needs one: add one, such as with `ip address add 10.255.0.1/32 dev lo`")
	return ""
}
