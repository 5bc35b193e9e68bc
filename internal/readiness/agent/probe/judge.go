package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// judge says what an answer of DNS is worth. It is pure.
func judge(q wire.DNS, answer *dns.Msg) finding {
	if !answer.Response {
		return finding{wire.BadResponse, "what came back is no answer"}
	}
	switch answer.Rcode {
	case dns.RcodeSuccess:
	case dns.RcodeNameError:
		return finding{wire.NXDomain, fmt.Sprintf("the server says that %s does not exist", q.Name)}
	case dns.RcodeServerFailure:
		return finding{wire.ServFail, fmt.Sprintf("the server can't resolve %s (SERVFAIL)", q.Name)}
	case dns.RcodeRefused:
		return finding{wire.QueryRefused, fmt.Sprintf("the server refuses to answer for %s (REFUSED)", q.Name)}
	default:
		return finding{wire.BadResponse, "the server answers with " + rcode(answer.Rcode)}
	}
	if !answers(q, answer) {
		return finding{wire.BadResponse, "the answer is to another question"}
	}
	return judgeAddresses(q, addresses(q, answer), answer.Truncated)
}

func judgeAddresses(q wire.DNS, got []netip.Addr, truncated bool) finding {
	missing := slices.DeleteFunc(slices.Clone(q.Want), func(ip netip.Addr) bool { return slices.Contains(got, ip) })
	switch {
	case len(got) > 0 && len(missing) == 0:
		return finding{}
	case truncated:
		return finding{wire.Truncated, "the answer is cut off before what is wanted"}
	case len(got) == 0:
		return finding{wire.NoAddress, fmt.Sprintf("%s has no address of type %s", q.Name, q.Type)}
	}
	return finding{wire.WrongAnswer, fmt.Sprintf("%s is %s, and not %s", q.Name, list(got), list(missing))}
}

func answers(q wire.DNS, answer *dns.Msg) bool {
	return len(answer.Question) == 1 &&
		strings.EqualFold(answer.Question[0].Name, q.Name) &&
		answer.Question[0].Qtype == dns.StringToType[string(q.Type)]
}

// addresses are all of the answer's, whatever aliases lead to them.
func addresses(q wire.DNS, answer *dns.Msg) []netip.Addr {
	var all []netip.Addr
	for _, record := range answer.Answer {
		switch r := record.(type) {
		case *dns.A:
			if ip, ok := netip.AddrFromSlice(r.A.To4()); ok && q.Type == wire.A {
				all = append(all, ip)
			}
		case *dns.AAAA:
			if ip, ok := netip.AddrFromSlice(r.AAAA.To16()); ok && q.Type == wire.AAAA {
				all = append(all, ip)
			}
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// listed bounds a message.
const listed = 4

func list(ips []netip.Addr) string {
	var texts []string
	for _, ip := range ips[:min(listed, len(ips))] {
		texts = append(texts, ip.String())
	}
	if more := len(ips) - listed; more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, ", ")
}

func rcode(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("code %d", code)
}
