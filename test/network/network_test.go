package network

import (
	"net"
	"os"
	"syscall"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestNetwork(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The network on loopback")
}

var _ = Describe("The addresses of a network", func() {
	// refusing is net.Listen on a machine where every attempt ends so.
	refusing := func(err error) func(string, string) (net.Listener, error) {
		return func(network, address string) (net.Listener, error) {
			return nil, &net.OpError{Op: "listen", Net: network, Err: os.NewSyscallError("bind", err)}
		}
	}

	It("are a part of loopback, with Services and pods apart", func() {
		a := Addresses{100, 7}
		_, services, err := net.ParseCIDR(a.Services())
		Expect(err).NotTo(HaveOccurred())
		Expect(services.IP.IsLoopback()).To(BeTrue())
		Expect(services.Contains(net.ParseIP(a.apiIP()))).To(BeTrue())
		Expect(services.Contains(net.ParseIP(a.dnsIP()))).To(BeTrue())
		for _, pod := range []string{a.pod(0), a.pod(maxNodes - 1), a.process(0), a.process(maxNodes - 1)} {
			Expect(services.Contains(net.ParseIP(pod))).To(BeFalse(), pod)
			Expect(net.ParseIP(pod).IsLoopback()).To(BeTrue(), pod)
		}
		Expect(a.pod(maxNodes - 1)).NotTo(Equal(a.process(0)))
	})

	It("say what to do where this process may not have the ports of Services", func() {
		_, err := find(refusing(syscall.EACCES))
		Expect(err).To(MatchError(ErrPrivileged))
		Expect(err).To(MatchError(And(ContainSubstring("as root"), ContainSubstring("ip_unprivileged_port_start"))))
	})

	It("are others when somebody plays Services there already", func() {
		tries := map[string]bool{}
		found, err := find(func(network, address string) (net.Listener, error) {
			if tries[address] = true; len(tries) < 3 {
				return refusing(syscall.EADDRINUSE)(network, address)
			}
			return net.Listen(network, "127.0.0.1:0")
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(tries).To(And(HaveLen(3), HaveKey(found.API())))
	})

	It("are an error on a machine that does not have them", func() {
		_, err := find(refusing(syscall.EADDRNOTAVAIL))
		Expect(err).To(And(MatchError(syscall.EADDRNOTAVAIL), MatchError(ContainSubstring("Linux"))))
	})
})
