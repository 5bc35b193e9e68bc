package probe

import (
	"context"
	"crypto/rand"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/failure"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// echo sends random bytes, which nothing on the way can guess or compress.
func (p Prober) echo(ctx context.Context, e wire.Echo) finding {
	payload := make([]byte, e.Payload)
	if _, err := rand.Read(payload); err != nil {
		return finding{wire.Failed, failure.Quote(err.Error())}
	}
	err := p.Echoer.Echo(ctx, client.Target{Address: e.Address, Node: e.Node}, payload)
	if err == nil {
		return finding{}
	}
	if known, ok := client.As(err); ok {
		return finding{known.Reason, known.Message}
	}
	why, text := failure.Of(err, wire.Failed)
	return finding{why, text}
}
