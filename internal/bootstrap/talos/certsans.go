package talos

import (
	"fmt"
	"slices"
	"strings"
)

// CertSANsChange refuses to change machine.certSANs on a live cluster: Talos issues
// its PKI anew for them, and locks out whoever holds a certificate of it. The order
// of the names doesn't matter.
func CertSANsChange(active, wanted []string) error {
	have, want := slices.Sorted(slices.Values(active)), slices.Sorted(slices.Values(wanted))
	if slices.Equal(have, want) {
		return nil
	}
	return fmt.Errorf("machine.certSANs are [%s] on the live node, and would become [%s]: that makes the cluster's PKI anew. Put talos.machineCertSANs back to what they were, or let the cluster be reborn",
		strings.Join(have, ", "), strings.Join(want, ", "))
}
