package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/fluxcd/pkg/runtime/logger"
	"github.com/spf13/cobra"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/internal/readiness"
)

type controllerFlags struct {
	manager          manager.Options
	keySecret        string
	agentDaemonSet   string
	canaryImage      string
	canaryAccount    string
	pluginNamespaces []string
	gateNamespaces   []string
}

func controllerCommand() *cobra.Command {
	var f controllerFlags
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Run the controller for ReadinessGates",
		Example: `  # As the chart runs it:
  RUNTIME_NAMESPACE=readiness-gate readiness-gate controller --enable-leader-election --canary-image IMAGE`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runController(f) },
	}
	f.manager.BindFlags(cmd.Flags())
	cmd.Flags().StringVar(&f.keySecret, "key-secret", "readiness-gate-agent-key", "The Secret, in the program's own namespace, with the key that agents share; made where there is none.")
	cmd.Flags().StringVar(&f.agentDaemonSet, "agent-daemonset", "readiness-gate-agent", "The DaemonSet of the agents, in the program's own namespace.")
	cmd.Flags().StringVar(&f.canaryImage, "canary-image", "", "The image of canary pods: readiness-agent.")
	cmd.Flags().StringVar(&f.canaryAccount, "canary-service-account", "default", "The ServiceAccount of canary pods, in the program's own namespace, for its imagePullSecrets: the agents' own.")
	cmd.Flags().StringSliceVar(&f.pluginNamespaces, "cni-namespaces", []string{"kube-system", "kube-flannel", "calico-system", "cilium"}, "The namespaces in which network plugins are looked for.")
	cmd.Flags().StringSliceVar(&f.gateNamespaces, "gate-namespaces", nil, "The namespaces whose gates are served; the program's own by default.")
	return cmd
}

// missing names all that the program can't guess.
func missing(namespace string, f controllerFlags) error {
	var problems []error
	if namespace == "" {
		problems = append(problems, fmt.Errorf("the environment variable %s is not set: it names the namespace that the agents are in", manager.NamespaceVariable))
	}
	if f.canaryImage == "" {
		problems = append(problems, errors.New("--canary-image is missing: it names the image of readiness-agent"))
	}
	return errors.Join(problems...)
}

func runController(f controllerFlags) error {
	namespace := os.Getenv(manager.NamespaceVariable)
	if err := missing(namespace, f); err != nil {
		return err
	}
	if len(f.gateNamespaces) == 0 {
		f.gateNamespaces = []string{namespace}
	}
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("no way to reach a cluster: run inside of one, or set KUBECONFIG: %w", err)
	}
	logger.SetLogger(logger.NewLogger(f.manager.Logger))
	scheme, err := readiness.Scheme()
	if err != nil {
		return err
	}
	mgr, err := manager.New(cfg, readiness.Name, scheme, f.manager, readiness.Cache(namespace, f.pluginNamespaces))
	if err != nil {
		return err
	}
	// Here and not in main: nothing but the controller has to end in good order.
	ctx := ctrl.SetupSignalHandler()
	if err := readiness.Setup(ctx, mgr, readiness.Options{
		Namespace: namespace, GateNamespaces: f.gateNamespaces, KeySecret: f.keySecret, AgentDaemonSet: f.agentDaemonSet,
		CanaryImage: f.canaryImage, CanaryServiceAccount: f.canaryAccount, Concurrent: f.manager.Concurrent, Clock: clock.RealClock{},
	}); err != nil {
		return err
	}
	ctrl.Log.WithName("setup").Info("starting", "version", manager.VersionOrRevision(), "namespace", namespace)
	return mgr.Start(ctx)
}
