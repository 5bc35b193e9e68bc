package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/run"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

func createCommand(f *flags) *cobra.Command {
	var out outputs
	var yes bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Bring the cluster to its end, from wherever it stands",
		Long: `create makes what is missing: machines, Talos, the joins to the tailnet, and the
Secret for Flux. On a finished cluster it does nothing. An interrupted create is
simply run again. Where it can't go on with a machine that was configured, which may
hold data, it asks before it destroys it and makes it anew.

` + outputsHelp,
		Example: `  # The kubeconfig into a file in memory, and nothing else kept:
  bootstrap create --kubeconfig /run/user/1000/kubeconfig

  # Secrets that outlive the cluster, from Vault; the kubeconfig into it:
  bootstrap create --kubeconfig - | vault kv put secret/home/kubeconfig value=-`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := out.check(cmd, f); err != nil {
				return err
			}
			return f.with(cmd, run.ToCreate, func(s *session) error {
				return f.conclude(cmd, s, s.Create(cmd.Context(), f.confirm(cmd, s, "create, to begin with,", yes), out.credentials(cmd)))
			})
		},
	}
	out.register(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "Destroy machines that an interrupted create has left without asking.")
	return cmd
}

func rebirthCommand(f *flags) *cobra.Command {
	var out outputs
	var yes bool
	cmd := &cobra.Command{
		Use:   "rebirth",
		Short: "Destroy the cluster and create it again",
		Long: `rebirth destroys the cluster's machines and creates them anew. Whatever would stop
the create, as far as it can be known, stops it before anything is destroyed.

` + outputsHelp,
		Example: `  bootstrap rebirth --yes --kubeconfig /run/user/1000/kubeconfig`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(out.check(cmd, f), f.checkConfirm(yes)); err != nil {
				return err
			}
			return f.with(cmd, run.ToCreate, func(s *session) error {
				return f.conclude(cmd, s, s.Rebirth(cmd.Context(), f.confirm(cmd, s, "destroy", yes), out.credentials(cmd)))
			})
		},
	}
	out.register(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "Destroy without asking.")
	return cmd
}

func rejoinCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "rejoin NODE",
		Short: "Bring a node back that the tailnet has forgotten",
		Long: `rejoin lends the node a new auth key, in memory, and sees it join. Nodes are
ephemeral members of the tailnet: one that was away for long is forgotten, and
can't come back by itself. talos.secrets must be given.`,
		Example:           `  bootstrap rejoin home-worker-1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: f.completeNodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, run.ToLook, func(s *session) error {
				return f.conclude(cmd, s, s.Rejoin(cmd.Context(), args[0]))
			})
		},
	}
}

// completeNodes completes the names of cluster.yaml's nodes.
func (f *flags) completeNodes(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	data, err := readFile(cmd, f.file)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	if cluster := spec.Glance(data); cluster != nil {
		for _, node := range cluster.Nodes {
			names = append(names, node.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// conclude closes the progress, prints the summary, and turns each refusal into a
// line.
func (f *flags) conclude(cmd *cobra.Command, s *session, err error) error {
	if closing := s.reporter.WriteSummary(); closing != nil {
		return errors.Join(err, closing)
	}
	var refused *run.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	for _, refusal := range refused.Plan.Refusals {
		if f.output == formatJSON {
			err := json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
				Type string `json:"type"`
				plan.Refusal
			}{"refusal", refusal})
			if err != nil {
				return err
			}
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "refused:", refusal)
	}
	if refused.Destroyed {
		return errors.New("the cluster is destroyed, and nothing was created: clear the way, and go on with bootstrap create")
	}
	return errors.New("nothing was done")
}
