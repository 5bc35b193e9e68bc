package dayzero

import "github.com/tazzo/rebirth/test/demo/show"

func rebirthGoals() []show.Goal[World] {
	return []show.Goal[World]{
		{Name: "former life gone, machines and device", Reached: func(w World) bool { return w.Former == 0 && w.Stale == 0 }},
		{Name: "both machines made and configured", Reached: func(w World) bool { return w.Running == nodes && w.Configured == nodes }},
		{Name: "both nodes in the tailnet, by their names", Reached: func(w World) bool { return w.joined() == nodes }},
		{Name: "auth key revoked", Reached: func(w World) bool { return w.joined() == nodes && w.Lent > 0 && w.Working == 0 }},
		{Name: "bootstrap is done", Reached: func(w World) bool { return w.Done }},
		{Name: "kubeconfig opens it; Flux' Secret is there", Reached: func(w World) bool { return w.Opened }},
	}
}

func secondRunGoals() []show.Goal[World] {
	return []show.Goal[World]{{Name: "nothing was left to do", Reached: func(w World) bool { return w.Idle }}}
}

func fluxGoals() []show.Goal[World] {
	return []show.Goal[World]{{Name: "Flux reads the private repository", Reached: func(w World) bool { return w.Pulled }}}
}
