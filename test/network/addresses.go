// Package network is the network of a small cluster, on loopback: addresses of
// Services and pods, kube-proxy (played by relays), a real CoreDNS, Flannel as objects,
// and the real agents of readiness-gate, whose pods a played kubelet starts.
package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/tazzo/rebirth/test/relay"
)

// Addresses is a part of loopback that is one run's own, for all the ports that the
// addresses of Services and pods have in a cluster.
type Addresses struct{ a, b int }

// ErrPrivileged: this process may not have the ports of Services.
var ErrPrivileged = errors.New("this user may not listen on ports 53 and 443, where Services are played on loopback: run this as root, or run `sudo sysctl net.ipv4.ip_unprivileged_port_start=0` first")

// FindAddresses finds a part of loopback in which nobody plays Services. The error says
// what this machine lacks: it is ErrPrivileged if this process may not.
func FindAddresses() (Addresses, error) { return find(net.Listen) }

func find(listen func(network, address string) (net.Listener, error)) (Addresses, error) {
	_, last := outside()
	if last != nil {
		return Addresses{}, last
	}
	for try := range 16 {
		own := os.Getpid() + try
		found := Addresses{64 + own>>8&127, own & 255}
		listener, err := listen(string(relay.TCP), found.API())
		switch {
		case err == nil:
			return found, listener.Close()
		case errors.Is(err, fs.ErrPermission):
			return Addresses{}, ErrPrivileged
		case !errors.Is(err, syscall.EADDRINUSE):
			return Addresses{}, fmt.Errorf("the addresses of Services, within 127.0.0.0/8, which all belongs to this machine on Linux: %w", err)
		}
		last = err
	}
	return Addresses{}, last
}

// Services is the range for kube-apiserver's --service-cluster-ip-range.
func (a Addresses) Services() string { return a.at(0) + "/25" }

// apiIP is the address that the API server gives itself: the range's first.
func (a Addresses) apiIP() string { return a.at(1) }

// API is the API server's address in the cluster, with its port.
func (a Addresses) API() string { return a.apiIP() + ":443" }

func (a Addresses) dnsIP() string { return a.at(10) }

// pod is the address of the i-th node's agent, and process where it listens itself:
// between the two lies the way to that node.
func (a Addresses) pod(i int) string     { return a.at(128 + i) }
func (a Addresses) process(i int) string { return a.at(192 + i) }

// maxNodes have an address.
const maxNodes = 62

func (a Addresses) at(last int) string { return fmt.Sprintf("127.%d.%d.%d", a.a, a.b, last) }

// outside is an address of this machine outside of loopback: the API refuses an
// EndpointSlice that names another.
func outside() (string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for _, address := range addresses {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String(), nil
		}
	}
	return "", errors.New("this machine has no IPv4 address outside of loopback, and the endpoint of a DNS Service needs one: add one, such as with `sudo ip address add 10.255.0.1/32 dev lo`")
}
