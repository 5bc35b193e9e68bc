package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// Create brings the cluster to its end from wherever it stands. For a finished one
// the plan is empty.
func Create(f Facts) Plan {
	all := destinies(f)
	var p Plan
	p.refuseDestinies(all)
	p.refuseNewCertSANs(f, all)
	p.refuseUnknownTailnet(f)
	p.noteStrangers(f)
	stale := p.judgeDevices(f, all)
	if len(p.Refusals) > 0 {
		p.Steps = nil
		return p
	}

	p.revokeLeftovers(f)
	for _, d := range all {
		if d.fate == replace {
			p.destroyVM(f, *d.vm, d.node.Name, d.why, d.mayHold())
		}
	}
	p.noteQuestion()
	p.downloadImages(f, all)
	run := runOf(f, all)
	for _, d := range all {
		p.bringUp(f, d, run)
	}
	p.startEtcd(f, all)
	p.awaitHealth(f, all)
	p.join(f, all, stale)
	p.applySecret(f, all)
	p.finish(f, all, run)
	if len(p.Steps) == 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("cluster %s is complete: there is nothing to do", f.Cluster.Metadata.Name))
	}
	return p
}

// unfinished are the nodes that this plan works on.
func unfinished(all []destiny) []destiny {
	var some []destiny
	for _, d := range all {
		if d.fate != keep {
			some = append(some, d)
		}
	}
	return some
}

// runOf is the run that new machines belong to: that of the machines which an
// interrupted create has left, so that one finished machine speaks for all.
func runOf(f Facts, all []destiny) string {
	for _, d := range all {
		if d.fate == resume {
			return d.marker.Run
		}
	}
	return f.Run
}

// runOr is the run that the machine belongs to, if it stays.
func (d destiny) runOr(run string) string {
	if d.fate == keep || d.fate == resume {
		return d.marker.Run
	}
	return run
}

func (p *Plan) refuseDestinies(all []destiny) {
	for _, d := range all {
		if d.fate == refuse {
			p.refuse(fmt.Sprintf("VM %d (%s)", d.node.VMID, d.node.Name), d.why)
		}
		if d.fate == replace && d.vm.Protected {
			p.refuse(fmt.Sprintf("VM %d (%s)", d.vm.ID, d.node.Name), "must be replaced ("+d.why+"), and its protection is on. Switch the protection off in Proxmox first")
		}
	}
}

// refuseNewCertSANs keeps a live cluster's certificates as they are: Talos would
// issue its PKI anew, and lock out everybody who holds a certificate of it.
func (p *Plan) refuseNewCertSANs(f Facts, all []destiny) {
	wanted := slices.Sorted(slices.Values(f.Cluster.Talos.MachineCertSANs))
	for _, d := range all {
		active := slices.Sorted(slices.Values(d.machine.MachineCertSANs))
		if d.machine.Stage != inventory.Running || d.fate == replace || slices.Equal(active, wanted) {
			continue
		}
		p.refuse("talos.machineCertSANs", fmt.Sprintf("are [%s] on the running node %s and [%s] in cluster.yaml: to change them makes the PKI of a live cluster anew. Put the old ones back, or let the cluster be reborn (bootstrap rebirth)",
			strings.Join(active, ", "), d.node.Name, strings.Join(wanted, ", ")))
		return
	}
}

// refuseUnknownTailnet stops what would need to know who has which name.
func (p *Plan) refuseUnknownTailnet(f Facts) {
	if f.TailnetUnknown != "" {
		p.refuse("the tailnet", "can't be asked, and nodes could not join it: "+f.TailnetUnknown)
	}
}

// noteQuestion says beforehand that somebody is asked.
func (p *Plan) noteQuestion() {
	if doomed := p.Doomed(); len(doomed.Steps) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("create destroys only if somebody says yes: %s. A machine that was configured may hold data", strings.Join(doomed.Machines(), ", ")))
	}
}

// noteStrangers names machines of the cluster that cluster.yaml no longer does, and
// those that only look like its own.
func (p *Plan) noteStrangers(f Facts) {
	p.noteCopies(f)
	for _, vm := range f.ours() {
		if !slices.ContainsFunc(f.Cluster.Nodes, func(n spec.Node) bool { return n.VMID == vm.ID }) {
			p.Notes = append(p.Notes, fmt.Sprintf("VM %d (%s) is this cluster's, and cluster.yaml does not name it: it is left alone, and goes with bootstrap destroy", vm.ID, vm.Name))
		}
	}
}

func (p *Plan) revokeLeftovers(f Facts) {
	for _, id := range f.LeftoverKeys {
		p.add(Step{
			ID: "revoke leftover key " + id, Kind: RevokeKey, Phase: PhaseClean, KeyID: id,
			Title: "revoke auth key " + id, Reason: "a run that died has left it",
			Deadline: f.Cluster.Timeouts.Preflight.Duration,
		})
	}
}

func (p *Plan) downloadImages(f Facts, all []destiny) {
	for _, d := range all {
		if d.fate != create && d.fate != replace {
			continue
		}
		image := f.imageFor(d.node)
		id := "download image to " + image.Host
		if f.hasImage(image) || slices.Contains(p.ids(DownloadImage), id) {
			continue
		}
		p.add(Step{
			ID: id, Kind: DownloadImage, Phase: PhaseImage, Image: &image,
			Title:    fmt.Sprintf("download Talos %s to storage %s of host %s", f.Cluster.Image.TalosVersion, image.Storage, image.Host),
			Reason:   "it is not there",
			Deadline: f.Cluster.Timeouts.Image.Duration,
		})
	}
}

// imageFor is the image that the node's disk is made from.
func (f Facts) imageFor(node spec.Node) inventory.Image {
	return inventory.Image{Host: node.Host, Storage: f.Cluster.Image.Storage, File: f.ImageFile}
}

// bringUp plans a node's way until Talos runs its configuration.
func (p *Plan) bringUp(f Facts, d destiny, run string) {
	timeouts := f.Cluster.Timeouts
	marker := inventory.Marker{Cluster: f.Cluster.Metadata.Name, Node: d.node.Name, VM: d.node.VMID, Run: d.runOr(run), Life: inventory.New}
	step := func(kind Kind, phase Phase, verb, title string) Step {
		return Step{ID: verb + " " + d.node.Name, Kind: kind, Phase: phase, Node: d.node.Name, Title: title, Reason: d.why, VM: d.vm, Marker: marker}
	}
	var needs []string
	chain := func(s Step) {
		s.Needs = append(s.Needs, needs...)
		p.add(s)
		needs = []string{s.ID}
	}

	fresh := d.fate == create || d.fate == replace
	if fresh {
		s := step(CreateVM, PhaseMachine, "create", fmt.Sprintf("create VM %d on host %s", d.node.VMID, d.node.Host))
		s.Deadline = timeouts.Machine.Duration
		s.VM = nil
		s.Needs = createNeeds(p, f, d)
		chain(s)
	}
	if fresh || (d.vm != nil && !d.vm.Running) {
		s := step(StartVM, PhaseMachine, "start", fmt.Sprintf("start VM %d", d.node.VMID))
		s.Deadline = timeouts.Machine.Duration
		s.Reason = "it is stopped"
		if fresh {
			s.Reason = "it is new"
		}
		chain(s)
	}
	if fresh {
		s := step(AwaitMaintenance, PhaseMaintenance, "await", "wait until Talos asks for its configuration")
		s.Deadline = timeouts.Maintenance.Duration
		s.Reason = "a new machine asks for one"
		chain(s)
	}
	if fresh || (d.fate == resume && d.machine.Stage == inventory.Maintenance) {
		s := step(Configure, PhaseConfigure, "configure", "check that it is the right machine, and configure it as "+string(d.node.Role))
		s.Deadline = timeouts.Configure.Duration
		s.Marker.Life = inventory.Unfinished
		if fresh {
			s.Reason = "it has no configuration yet"
		}
		chain(s)
	}
	if d.fate != keep {
		s := step(AwaitConfigured, PhaseConfigure, "await configuration of", "wait until it answers to the cluster's own certificate")
		s.Deadline = timeouts.Configure.Duration
		if fresh {
			s.Reason = "it starts anew with its configuration"
		}
		chain(s)
	}
}

// createNeeds are what must be done before a node's machine can be made.
func createNeeds(p *Plan, f Facts, d destiny) []string {
	var needs []string
	for _, s := range p.Steps {
		if (s.Kind == DestroyVM && s.Node == d.node.Name) ||
			(s.Kind == DownloadImage && *s.Image == f.imageFor(d.node)) {
			needs = append(needs, s.ID)
		}
	}
	return needs
}

// startEtcd on the first control plane, once in a cluster's life. One that has its
// configuration comes first: should it have an etcd after all, it says so, and no second
// one is made beside it.
func (p *Plan) startEtcd(f Facts, all []destiny) {
	var first *destiny
	for i, d := range all {
		if d.node.Role != spec.ControlPlane {
			continue
		}
		if d.fate == keep || (d.fate == resume && d.machine.Bootstrapped) {
			return
		}
		if first == nil || !first.configured() && d.configured() {
			first = &all[i]
		}
	}
	if first == nil {
		return
	}
	p.add(Step{
		ID: "start etcd", Kind: StartEtcd, Phase: PhaseEtcd, Node: first.node.Name,
		Title: "start etcd", Reason: "no control plane has one", Needs: []string{"await configuration of " + first.node.Name},
		Deadline: f.Cluster.Timeouts.Bootstrap.Duration,
	})
}

// configured says whether the machine stays, and has its configuration.
func (d destiny) configured() bool {
	return d.fate == resume && d.machine.Stage != inventory.Maintenance
}

func (p *Plan) awaitHealth(f Facts, all []destiny) {
	for _, d := range unfinished(all) {
		p.add(Step{
			ID: "await health of " + d.node.Name, Kind: AwaitHealth, Phase: PhaseHealth, Node: d.node.Name,
			Title: "wait until all that Talos runs on it works", Reason: "nodes join the tailnet, and Flux takes over, when Talos stands",
			Needs: append(p.ids(StartEtcd), "await configuration of "+d.node.Name), Deadline: f.Cluster.Timeouts.Health.Duration,
		})
	}
}

// applySecret hands the credential over, in a cluster that has never been finished.
func (p *Plan) applySecret(f Facts, all []destiny) {
	secret := f.Cluster.HandOver.Secret
	if secret == nil || len(unfinished(all)) != len(all) {
		return
	}
	p.add(Step{
		ID: "apply secret", Kind: ApplySecret, Phase: PhaseHandOver,
		Title: fmt.Sprintf("apply Secret %s/%s", secret.Namespace, secret.Name), Reason: "Flux reads its repository with it",
		Needs: p.ids(AwaitHealth), Deadline: f.Cluster.Timeouts.HandOver.Duration,
	})
}

// finish marks the machines as the last thing of all.
func (p *Plan) finish(f Facts, all []destiny, run string) {
	work := p.ids(StartVM, AwaitConfigured, AwaitHealth, Join, DropKey, RevokeKey, ApplySecret)
	for _, d := range all {
		marker := inventory.Marker{Cluster: f.Cluster.Metadata.Name, Node: d.node.Name, VM: d.node.VMID, Run: d.runOr(run), Life: inventory.Complete}
		reason := "nothing is left to do on it"
		if d.fate == keep {
			if d.marker.Life == inventory.Complete {
				continue
			}
			reason = "its run came to its end, and died before it could mark it"
		}
		p.add(Step{
			ID: "finish " + d.node.Name, Kind: Finish, Phase: PhaseFinish, Node: d.node.Name, VM: d.vm, Marker: marker,
			Title: fmt.Sprintf("mark VM %d as complete", d.node.VMID), Reason: reason,
			Needs: work, Deadline: f.Cluster.Timeouts.Preflight.Duration,
		})
	}
}
