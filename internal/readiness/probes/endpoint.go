package probes

import (
	"fmt"
	"net"
	"strconv"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// SplitEndpoint reads "host:port".
func SplitEndpoint(endpoint string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(endpoint)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port, such as vault.example.ts.net:8200", endpoint)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q has no port between 1 and 65535", endpoint)
	}
	return host, uint16(n), nil
}

// Validate finds the first endpoint of the spec that is none.
func Validate(checks v1alpha1.GateChecks) error {
	for i, endpoint := range checks.Endpoints {
		if _, _, err := SplitEndpoint(endpoint.TCP); err != nil {
			return fmt.Errorf("spec.checks.endpoints[%d] (%s): %w", i, endpoint.Name, err)
		}
	}
	return nil
}
