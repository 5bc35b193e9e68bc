package dayzero

import (
	"fmt"

	"github.com/tazzo/rebirth/test/demo/show"
)

// The actors of this act.
const (
	bootstrap       show.Actor = programName
	headscaleItself show.Actor = "Headscale"
	fakeProxmox     show.Actor = "Proxmox (fake)"
	fakeTalos       show.Actor = "Talos (fake)"
)

// nodes of the cluster, and what bootstrap calls them.
const nodes = 2

var nodeNames = [nodes]string{clusterName + "-controlplane-1", clusterName + "-worker-1"}

// World is what is seen of the data centre, and what bootstrap says of itself.
type World struct {
	// Former are the machines of the cluster's former life that are still there, and
	// Stale its devices in the tailnet.
	Former, Stale int
	// Running are the machines of this life, and Configured those of which Talos has
	// a configuration on its disk.
	Running, Configured int
	// Joined says of each node whether it is in the tailnet as it has to be.
	Joined [nodes]bool
	// Lent counts the auth keys that were lent to nodes, and Working those that would
	// let a node in.
	Lent, Working int
	// Ended counts the phases that bootstrap has ended, Phase is the last of them, and
	// Present what it is doing.
	Ended   int
	Phase   Phase
	Present string
	// Remark is what bootstrap has said that is no step, and Failed a step that failed.
	Remark, Failed string
	// Done: bootstrap has come to its end. Opened: the kubeconfig that it delivered has
	// opened the cluster, and the Secret for Flux is in it. Idle: a second run came to
	// its end and changed nothing. Pulled: Flux has its repository.
	Done, Opened, Idle, Pulled bool
}

func (w World) joined() int {
	count := 0
	for _, joined := range w.Joined {
		if joined {
			count++
		}
	}
	return count
}

// newsOf compares two worlds.
func newsOf(before, after World) []show.News {
	var all []show.News
	say := func(mark show.Mark, actor show.Actor, format string, args ...any) {
		all = append(all, show.News{Mark: mark, Actor: actor, Text: fmt.Sprintf(format, args...)})
	}
	if after.Remark != before.Remark {
		say(show.Happened, bootstrap, "%s", after.Remark)
	}
	if after.Ended > before.Ended {
		say(show.Good, bootstrap, "%s", after.Phase)
	}
	if after.Failed != before.Failed {
		say(show.Bad, bootstrap, "%s", after.Failed)
	}
	if before.Former > 0 && after.Former == 0 {
		say(show.Good, fakeProxmox, "the machines of the former life are gone, with their disks")
	}
	if before.Stale > 0 && after.Stale == 0 {
		say(show.Good, headscaleItself, "the device of the former life is gone, and its name is free")
	}
	if after.Running != before.Running && after.Running == nodes {
		say(show.Good, fakeProxmox, "%d new machines run", nodes)
	}
	if after.Configured != before.Configured && after.Configured == nodes {
		say(show.Good, fakeTalos, "%d nodes have their configuration on disk, without an auth key", nodes)
	}
	if after.Lent > before.Lent {
		say(show.Happened, fakeTalos, "the nodes are lent an auth key, in memory alone")
	}
	for i, joined := range after.Joined {
		if joined && !before.Joined[i] {
			say(show.Good, headscaleItself, "%s is connected, under its own name, tagged and ephemeral", nodeNames[i])
		}
	}
	if after.Lent > 0 && before.Working > 0 && after.Working == 0 {
		say(show.Good, headscaleItself, "the auth key is revoked: no key lets anybody in")
	}
	return all
}

// rowsOf is the present state.
func rowsOf(w World) []show.Row {
	key := show.Row{Mark: show.GoodIf(w.Lent > 0 && w.Working == 0), What: "auth key", Text: "not made yet"}
	switch {
	case w.Lent > 0 && w.Working > 0:
		key.Text = "in the nodes' memory"
	case w.Lent > 0:
		key.Text = "revoked"
	}
	return []show.Row{
		{Mark: show.GoodIf(w.Done), What: "bootstrap", Text: w.Present},
		{Mark: show.GoodIf(w.Former == 0 && w.Stale == 0), What: "former life", Text: fmt.Sprintf("%d machines, %d devices", w.Former, w.Stale)},
		{Mark: show.GoodIf(w.Running == nodes), What: "machines", Text: fmt.Sprintf("%d of %d run", w.Running, nodes)},
		{Mark: show.GoodIf(w.Configured == nodes), What: "Talos", Text: fmt.Sprintf("%d of %d configured", w.Configured, nodes)},
		{Mark: show.GoodIf(w.joined() == nodes), What: "tailnet", Text: fmt.Sprintf("%d of %d joined", w.joined(), nodes)},
		key,
		{Mark: show.GoodIf(w.Pulled), What: "Flux", Text: map[bool]string{true: "has its credential", false: "has no credential"}[w.Opened]},
	}
}
