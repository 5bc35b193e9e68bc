package evaluate

import (
	"slices"

	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

// peers knows which of two nodes is to blame for a failed probe between them.
//
// A broken node fails the probes of all that try it. If those counted against the
// others, one broken node would fail more of them than any quorum allows, and one
// that is switched off would keep the gate shut for ever, though it no longer counts.
type peers struct {
	// present are the nodes that count and have no fault of their own: the others
	// must reach them.
	present map[string]bool
	// cutOff are those of them whose agent did not answer, or tried others in vain and was
	// reached by none. Each of them fails for that.
	cutOff map[string]bool
	// reached are all nodes with an echo to or from another: it proves both ends.
	reached map[string]bool
	// answering counts the agents that answered, each of which can be another's peer.
	answering int
}

func newPeers(f Facts, eligible []evidence.Node) peers {
	p := peers{present: map[string]bool{}, reached: map[string]bool{}, cutOff: map[string]bool{}}
	for _, node := range eligible {
		_, problem := fault(f, node)
		p.present[node.Name] = problem == ""
	}
	for node, report := range f.Evidence.Reports {
		if report.Missing == "" {
			p.answering++
		}
		for _, result := range report.Results {
			if result.Kind == evidence.PeerProbe && result.OK {
				p.reached[node], p.reached[result.Peer] = true, true
			}
		}
	}
	for name, present := range p.present {
		if report, ok := f.Evidence.Reports[name]; present && (!ok || report.Missing != "" || p.tried(report) && !p.reached[name]) {
			p.cutOff[name] = true
		}
	}
	return p
}

// toBlame reports whether the peer is to blame for the result, and not the node that
// tried it: a node that is reached, or reaches another one, has a network.
func (p peers) toBlame(node string, result evidence.Result) bool {
	if result.Kind != evidence.PeerProbe || result.Peer == "" {
		return false
	}
	return !p.present[result.Peer] || p.reached[node] && p.cutOff[result.Peer]
}

// tried reports whether the agent tried a node that is there to be reached.
func (p peers) tried(report evidence.Report) bool {
	return slices.ContainsFunc(report.Results, func(result evidence.Result) bool {
		return result.Kind == evidence.PeerProbe && p.present[result.Peer]
	})
}
