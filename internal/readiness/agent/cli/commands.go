// Package cli has the commands of the pods that the controller of readiness-gate
// has on every node: agents and canaries.
package cli

import (
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/readiness/agent"
)

// What keeps the agent in its budget of 16 MiB, of which the program's own pages are
// 7: little garbage is let lie, and less near the limit. See package runtime/debug.
const (
	gcPercent   = 25
	memoryLimit = 12 << 20
)

// AgentCommand returns the command that serves until its context ends.
func AgentCommand() *cobra.Command {
	var (
		address  string
		keyFiles []string
		o        = agent.Options{Clock: clock.RealClock{}}
	)
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Try the network from a pod, as the controller asks",
		Long: `agent runs in a pod on each node. It opens the connections that the controller
asks it to try, tells what came of them, and returns to other agents what they send.

It takes requests only of who holds the key, and has no credential of the API.`,
		Example: `  # As the chart runs it:
  readiness-agent agent --node "$(NODE_NAME)" --pod-uid "$(POD_UID)" --key-file /keys/key --key-file /keys/previous`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			debug.SetGCPercent(gcPercent)
			debug.SetMemoryLimit(memoryLimit)
			listener, err := net.Listen("tcp", address)
			if err != nil {
				return fmt.Errorf("--address %s: %w", address, err)
			}
			o.BootID = agent.BootID()
			o.Keys = agent.KeyFiles(keyFiles...)
			o.Log = slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			return agent.Serve(cmd.Context(), listener, o)
		},
	}
	cmd.Flags().StringVar(&address, "address", fmt.Sprintf(":%d", agent.DefaultPort), "The address to serve on.")
	cmd.Flags().StringVar(&o.Node, "node", "", "The name of the node that the pod runs on.")
	cmd.Flags().StringVar(&o.PodUID, "pod-uid", "", "The UID of the pod.")
	cmd.Flags().StringArrayVar(&keyFiles, "key-file", nil, "A file with the key that is shared with the controller, read anew for every request; a second one may hold the key before it, and may be missing.")
	for _, name := range []string{"node", "key-file"} {
		_ = cmd.MarkFlagRequired(name) // fails for a flag that is not there
	}
	return cmd
}

// CanaryCommand returns the command that proves that a sandbox could be made: that it
// runs is all.
func CanaryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "canary",
		Short: "End at once: that this pod could start is the proof",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return nil },
	}
}
