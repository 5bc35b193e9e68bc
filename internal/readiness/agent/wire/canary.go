package wire

import (
	"fmt"
	"time"
)

// Canary is the termination message of a canary pod. That there is one proves that
// its node made a sandbox.
type Canary struct {
	// StartedAt is by the node's clock.
	StartedAt time.Time `json:"startedAt"`
	// BootID is the node's; empty where the runtime doesn't show it.
	BootID string `json:"bootID,omitempty"`
}

// Encode returns the message's one encoding.
func (c Canary) Encode() ([]byte, error) { return encode(c) }

// DecodeCanary reads the termination message of a canary pod's container.
func DecodeCanary(message []byte) (Canary, error) {
	var c Canary
	if err := decode(message, &c); err != nil {
		return Canary{}, fmt.Errorf("the canary's termination message %w", err)
	}
	if c.StartedAt.IsZero() || len(c.BootID) > maxID {
		return Canary{}, fmt.Errorf("the canary's termination message holds no start, or an odd boot ID")
	}
	return c, nil
}
