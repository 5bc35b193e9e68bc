package plan

import (
	"slices"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// Preflight proves, before anything is made or destroyed, that the credentials allow
// all that the plans do.
func Preflight(cluster *spec.Cluster, plans ...Plan) Plan {
	const reason = "what is missing is found before anything is done"
	var p Plan
	p.add(Step{
		ID: "check proxmox", Kind: CheckProxmox, Phase: PhasePreflight,
		Title: "check Proxmox: version, privileges, hosts, storages", Reason: reason,
		Deadline: cluster.Timeouts.Preflight.Duration,
	})
	if slices.ContainsFunc(plans, func(p Plan) bool { return p.Has(MintKey) }) {
		p.add(Step{
			ID: "check tailnet", Kind: CheckTailnet, Phase: PhasePreflight,
			Title: "check the tailnet: keys with the tags, devices", Reason: reason,
			Deadline: cluster.Timeouts.Preflight.Duration,
		})
	}
	return p
}
