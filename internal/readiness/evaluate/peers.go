package evaluate

import "github.com/tazzo/rebirth/internal/readiness/evidence"

// peers knows which of two nodes is to blame for a failed probe between them.
//
// A broken node fails the probes of all that try it. If those counted against the
// others, one broken node would fail more of them than any quorum allows, and one
// that is switched off would keep the gate shut for ever, though it no longer counts.
type peers struct {
	// present are the nodes that count and have no fault of their own: the others
	// must reach them.
	present map[string]bool
	// cutOff are those of them whose agent did not answer or reached none of the
	// others. Each of them fails for that.
	cutOff map[string]bool
	// answering counts the agents that answered, each of which can be another's peer.
	answering int
}

func newPeers(f Facts, eligible []evidence.Node) peers {
	p := peers{present: map[string]bool{}, cutOff: map[string]bool{}}
	for _, node := range eligible {
		_, problem := fault(f, node)
		p.present[node.Name] = problem == ""
	}
	for _, report := range f.Evidence.Reports {
		if report.Missing == "" {
			p.answering++
		}
	}
	for name, present := range p.present {
		if report, ok := f.Evidence.Reports[name]; present && (!ok || report.Missing != "" || p.triedInVain(report)) {
			p.cutOff[name] = true
		}
	}
	return p
}

// toBlame reports whether the peer is to blame for the result, and not the node that
// tried it: a node that reached another peer has a network.
func (p peers) toBlame(result evidence.Result, reachedAny bool) bool {
	if result.Kind != evidence.PeerProbe || result.Peer == "" {
		return false
	}
	return !p.present[result.Peer] || reachedAny && p.cutOff[result.Peer]
}

func (p peers) reachedAny(report evidence.Report) bool {
	for _, result := range report.Results {
		if result.Kind == evidence.PeerProbe && result.OK {
			return true
		}
	}
	return false
}

func (p peers) triedInVain(report evidence.Report) bool {
	tried := false
	for _, result := range report.Results {
		tried = tried || result.Kind == evidence.PeerProbe && p.present[result.Peer]
	}
	return tried && !p.reachedAny(report)
}
