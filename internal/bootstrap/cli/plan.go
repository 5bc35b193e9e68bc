package cli

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/run"
)

func planCommand(f *flags) *cobra.Command {
	var destroy, rebirth bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what create, destroy or rebirth would do, and why",
		Long: `plan looks at what is there and prints the steps that create would take, each with
its reason. It changes nothing.

The exit status is 1 if create would refuse.`,
		Example: `  bootstrap plan
  bootstrap plan --destroy
  bootstrap plan --rebirth -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			look := (*run.Run).ObserveForCreate
			if destroy || rebirth {
				look = (*run.Run).Observe
			}
			facts, err := f.observe(cmd, run.ToPlan, look)
			if err != nil {
				return err
			}
			return f.printPlans(cmd, plansFor(facts, destroy, rebirth))
		},
	}
	cmd.Flags().BoolVar(&destroy, "destroy", false, "Plan the destruction.")
	cmd.Flags().BoolVar(&rebirth, "rebirth", false, "Plan the destruction and what is created after it.")
	cmd.MarkFlagsMutuallyExclusive("destroy", "rebirth")
	return cmd
}

// namedPlan is a plan with the command that would follow it.
type namedPlan struct {
	Command string `json:"command"`
	plan.Plan
}

func plansFor(facts plan.Facts, destroy, rebirth bool) []namedPlan {
	switch {
	case destroy:
		return []namedPlan{{"destroy", plan.Destroy(facts)}}
	case rebirth:
		return []namedPlan{{"destroy", plan.Destroy(facts)}, {"create", plan.Create(plan.AfterDestroy(facts))}}
	default:
		return []namedPlan{{"create", plan.Create(facts)}}
	}
}

func (f *flags) printPlans(cmd *cobra.Command, plans []namedPlan) error {
	if f.output == formatJSON {
		for i := range plans {
			plans[i].Steps = append([]plan.Step{}, plans[i].Steps...) // [] for none, not null
		}
		if err := encodeJSON(cmd.OutOrStdout(), plans); err != nil {
			return err
		}
	}
	refused := false
	for _, p := range plans {
		refused = refused || len(p.Refusals) > 0
		if f.output == formatText {
			printPlan(cmd.OutOrStdout(), p)
		}
	}
	if refused {
		return ErrReported
	}
	return nil
}

func printPlan(w io.Writer, p namedPlan) {
	for _, note := range p.Notes {
		fmt.Fprintln(w, "note:", note)
	}
	if len(p.Refusals) > 0 {
		fmt.Fprintf(w, "%s would do nothing, for in its way stand:\n", p.Command)
		for _, refusal := range p.Refusals {
			fmt.Fprintln(w, "  -", refusal)
		}
		return
	}
	if len(p.Steps) == 0 {
		return
	}
	fmt.Fprintf(w, "%s would take %d steps:\n", p.Command, len(p.Steps))
	for _, phase := range plan.Phases() {
		printPhase(w, phase, p.Steps)
	}
	fmt.Fprintln(w)
}

func printPhase(w io.Writer, phase plan.Phase, steps []plan.Step) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, step := range slices.DeleteFunc(slices.Clone(steps), func(s plan.Step) bool { return s.Phase != phase }) {
		if i == 0 {
			fmt.Fprintf(table, "\n%s\n", phase)
		}
		node := step.Node
		if node == "" {
			node = "(all)"
		}
		fmt.Fprintf(table, "  %s\t%s\t(%s)\n", node, step.Title, step.Reason)
	}
	_ = table.Flush()
}
