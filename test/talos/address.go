package talos

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"

	"github.com/siderolabs/talos/pkg/machinery/constants"
)

// FreeAddress is an address of loopback that nobody plays a machine at. Several
// programs may ask at the same time: the addresses are drawn from sixteen million.
func FreeAddress() (netip.Addr, error) {
	for range 100 {
		address := netip.AddrFrom4([4]byte{127, byte(1 + rand.IntN(254)), byte(rand.IntN(256)), byte(1 + rand.IntN(254))})
		if isFree(address) {
			return address, nil
		}
	}
	return netip.Addr{}, errors.New("no address of loopback is free for a fake Talos")
}

func isFree(address netip.Addr) bool {
	for _, port := range []int{constants.ApidPort, constants.TrustdPort, etcdPort} {
		listener, err := net.Listen("tcp", net.JoinHostPort(address.String(), strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}
