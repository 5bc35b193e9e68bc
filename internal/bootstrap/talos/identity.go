package talos

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Identity is the hardware as Talos sees it.
type Identity struct {
	// UUID of the machine (SMBIOS), in lower case.
	UUID string
	// MACs of its links, in upper case.
	MACs []string
}

// VerifyIdentity says whether the machine at a node's address is the node's. Two
// machines with one address are how a configuration, keys and all, would reach the
// wrong one. What isn't known is no proof.
func VerifyIdentity(found Identity, wantUUID, wantMAC string) error {
	var differ []error
	switch {
	case wantUUID == "" || wantMAC == "":
		return errors.New("it is not known which machine to expect: its UUID and its MAC are needed")
	case !strings.EqualFold(found.UUID, wantUUID):
		differ = append(differ, fmt.Errorf("its UUID is %s and not %s", orUnknown(found.UUID), strings.ToLower(wantUUID)))
	}
	if !slices.ContainsFunc(found.MACs, func(mac string) bool { return strings.EqualFold(mac, wantMAC) }) {
		differ = append(differ, fmt.Errorf("none of its MACs (%s) is %s", orUnknown(strings.Join(found.MACs, ", ")), strings.ToUpper(wantMAC)))
	}
	if differ == nil {
		return nil
	}
	return &WrongMachineError{differ: errors.Join(differ...)}
}

// WrongMachineError is another machine at a node's address. Nothing was sent to it.
type WrongMachineError struct{ differ error }

// Error says what differs, and what to do.
func (e *WrongMachineError) Error() string {
	return "another machine answers at the node's address: " + strings.ReplaceAll(e.differ.Error(), "\n", ", and ") +
		". Nothing was sent to it. Find out which machine has the address (two machines may share it), and free it"
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}
