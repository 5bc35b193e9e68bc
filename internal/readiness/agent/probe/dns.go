package probe

import (
	"context"
	"time"

	"github.com/miekg/dns"

	"github.com/tazzo/rebirth/internal/readiness/agent/failure"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// udpSize is what resolvers use since the DNS flag day of 2020: it fits into every
// usual MTU.
const udpSize = 1232

// lookUp asks a second time over UDP, as resolvers do: one lost datagram is no
// broken network.
func lookUp(ctx context.Context, q wire.DNS, timeout time.Duration) finding {
	if q.Protocol == wire.OverTCP {
		return query(ctx, q)
	}
	first, cancel := context.WithTimeout(ctx, timeout/2)
	defer cancel()
	found := query(first, q)
	if found.reason != wire.Timeout || ctx.Err() != nil {
		return found
	}
	if found = query(ctx, q); found.reason == "" {
		found.message = "the first datagram got no answer, the second one did"
	}
	return found
}

func query(ctx context.Context, q wire.DNS) finding {
	message := new(dns.Msg)
	message.SetQuestion(q.Name, dns.StringToType[string(q.Type)])
	message.SetEdns0(udpSize, false)
	// The context bounds the time. The client's own limits would be shorter.
	resolver := dns.Client{Net: string(q.Protocol), Timeout: wire.MaxTimeout}
	answer, _, err := resolver.ExchangeContext(ctx, message, q.Server.String())
	if err != nil {
		why, text := failure.Of(err, wire.BadResponse)
		return finding{why, text}
	}
	return judge(q, answer)
}
