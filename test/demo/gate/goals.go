package gate

import (
	"strings"

	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
)

// heldBack: Flux waits at the gate, with nothing behind it applied.
func (w World) heldBack() bool {
	return w.Behind.Reason == stage.DependencyNotReady && strings.Contains(w.Behind.Message, ownName) && !w.Own.Ready() && !w.Verdict && !w.Applied
}

func brokenGoals() []show.Goal[World] {
	return []show.Goal[World]{
		{Name: "namespaces, upstream of it, are applied", Reached: func(w World) bool { return w.Upstream.Ready() }},
		{Name: "Flux has installed the gate", Reached: func(w World) bool { return w.Release.Ready() }},
		{Name: "gate shut, and names worker-2 and Flannel", Reached: func(w World) bool { return w.Failing == broken+" cni" && w.Nodes.complete() }},
		{Name: "Flux holds secret-sync back", Reached: World.heldBack},
	}
}

func halfHealedGoals() []show.Goal[World] {
	return []show.Goal[World]{
		{Name: "every object looks right", Reached: World.objectsRight},
		{Name: "gate still shut, and names worker-2's agent", Reached: func(w World) bool { return w.objectsRight() && w.Failing == broken+" agent" }},
		{Name: "Flux still holds secret-sync back", Reached: func(w World) bool { return w.objectsRight() && w.heldBack() }},
	}
}

func healedGoals() []show.Goal[World] {
	return []show.Goal[World]{
		{Name: "gate open", Reached: func(w World) bool { return w.Verdict && w.Gate.Ready() }},
		{Name: "Flux calls the gate Ready", Reached: func(w World) bool { return w.Own.Ready() }},
		{Name: "Flux goes on: secret-sync is applied", Reached: func(w World) bool { return w.Applied && !w.TooEarly }},
	}
}
