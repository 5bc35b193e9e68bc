package dayzero

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// network is a part of loopback, 127.SUBNET.0.0/24, that belongs to one world as long
// as it is kept: whoever else starts a world on this machine, in this process or in
// another one, finds it taken.
type network struct {
	subnet byte
	taken  net.Listener
}

// takeNetwork takes the one that is asked for; 0 is any.
func takeNetwork(subnet byte) (*network, error) {
	if subnet != 0 {
		return takeSubnet(subnet)
	}
	var errs []error
	for _, i := range rand.Perm(254) {
		n, err := takeSubnet(byte(i + 1))
		if err == nil {
			return n, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// takeSubnet takes the gateway's address, where nobody else listens.
func takeSubnet(subnet byte) (*network, error) {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.%d.0.1:50000", subnet))
	if err != nil {
		return nil, fmt.Errorf("the network 127.%d.0.0/24 is another world's: %w", subnet, err)
	}
	return &network{subnet: subnet, taken: listener}, nil
}

func (n *network) release() error { return n.taken.Close() }
