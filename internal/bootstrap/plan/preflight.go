package plan

import "github.com/tazzo/rebirth/internal/bootstrap/spec"

// Preflight proves, before anything is made, that the credentials allow all of it.
func Preflight(cluster *spec.Cluster) Plan {
	var p Plan
	p.add(Step{
		ID: "check proxmox", Kind: CheckProxmox, Phase: PhasePreflight,
		Title: "check Proxmox: version, privileges, hosts, storages", Reason: "what is missing is found before anything is made",
		Deadline: cluster.Timeouts.Preflight.Duration,
	})
	if cluster.Tailnet != nil {
		p.add(Step{
			ID: "check tailnet", Kind: CheckTailnet, Phase: PhasePreflight,
			Title: "check the tailnet: keys with the tags, devices", Reason: "what is missing is found before anything is made",
			Deadline: cluster.Timeouts.Preflight.Duration,
		})
	}
	return p
}
