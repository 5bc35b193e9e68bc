// Command readiness-agent runs on every node and tries what readiness-gate asks it
// to. It is a program of its own, and not a part of readiness-gate: linked with a
// Kubernetes client it would take twice the memory, on every node.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	agentcli "github.com/tazzo/rebirth/internal/readiness/agent/cli"
)

// version is set by the build.
var version = "devel"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "readiness-agent:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "readiness-agent",
		Short:         "Try, from a pod on this node, what readiness-gate asks",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(agentcli.AgentCommand(), agentcli.CanaryCommand())
	return root.ExecuteContext(ctx)
}
