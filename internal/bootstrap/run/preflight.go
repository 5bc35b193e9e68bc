package run

import (
	"context"
	"errors"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/proxmox"
)

// preflight proves, before anything is made or destroyed, that the APIs allow all
// that the plans ask of them. All that is missing is named at once.
func (r *Run) preflight(ctx context.Context, plans ...plan.Plan) error {
	needs := r.needs(plans...)
	check := func(ctx context.Context, step plan.Step, _ func(string)) error {
		if step.Kind == plan.CheckTailnet {
			return r.tailnet.Check(ctx, r.cluster.Tailnet.Tags)
		}
		return errors.Join(r.proxmox.Preflight(ctx, needs)...)
	}
	g := &graph{clock: r.clock, reporter: r.reporter, perform: check}
	return g.execute(ctx, plan.Preflight(r.cluster, plans...).Steps)
}

// needs are what the plans ask Proxmox for.
func (r *Run) needs(plans ...plan.Plan) proxmox.Needs {
	var needs proxmox.Needs
	for _, p := range plans {
		for _, step := range p.Steps {
			switch step.Kind {
			case plan.CreateVM:
				needs.Machines = append(needs.Machines, r.machine(step))
			case plan.DownloadImage:
				needs.Downloads = append(needs.Downloads, *step.Image)
			case plan.DestroyVM:
				needs.Destroy = append(needs.Destroy, step.VM.ID)
			}
		}
	}
	return needs
}
