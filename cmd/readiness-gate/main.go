// Command readiness-gate publishes a ConfigMap that exists only while the cluster's
// network demonstrably carries traffic on every node.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tazzo/rebirth/internal/manager"
	lintcli "github.com/tazzo/rebirth/internal/readiness/lint/cli"
)

func main() {
	if err := command().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "readiness-gate:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "readiness-gate",
		Short: "Publish a ConfigMap that exists only while the network really works",
		Long: `readiness-gate proves that the cluster's network carries traffic on every node,
and publishes a ConfigMap that exists only while it does. Flux health-checks that
ConfigMap, and everything else of the cluster depends on it.

This program has the controller, and a linter that tells whether a Flux repository
really waits for the gate. The agents that the controller asks are a program of
their own, readiness-agent.`,
		Version:       manager.VersionOrRevision(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(controllerCommand(), lintcli.Command())
	return root
}
