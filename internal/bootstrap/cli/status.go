package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/run"
)

func statusCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Compare what is there with cluster.yaml, node by node",
		Long: `status shows each node's machine, Talos, and device, what create would do with it,
and what differs from cluster.yaml. It changes nothing.

The exit status is 1 if a node is not as it should be.`,
		Example: `  bootstrap status
  bootstrap status -o json | jq '.[] | select(.ok | not)'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			facts, err := f.observe(cmd, run.ToLook, (*run.Run).Observe)
			if err != nil {
				return err
			}
			return f.printStatus(cmd.OutOrStdout(), plan.Status(facts))
		},
	}
}

func (f *flags) printStatus(w io.Writer, nodes []plan.NodeStatus) error {
	var err error
	if f.output == formatJSON {
		err = encodeJSON(w, nodes)
	} else {
		err = printStatusTable(w, nodes)
	}
	for _, node := range nodes {
		if !node.OK && err == nil {
			err = ErrReported
		}
	}
	return err
}

func printStatusTable(w io.Writer, nodes []plan.NodeStatus) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tVM\tHOST\tMACHINE\tTALOS\tTAILNET\tCREATE WOULD")
	for _, node := range nodes {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", node.Node, node.VMID, orDash(node.Host), node.VM, node.Talos, orDash(node.Tailnet), node.Verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, node := range nodes {
		if len(node.Drift) > 0 {
			fmt.Fprintf(w, "%s differs from cluster.yaml (rebirth makes it so): %s\n", node.Node, strings.Join(node.Drift, "; "))
		}
	}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
