// Command secret-sync mirrors the password of a PostgreSQL user into the
// namespaces that may have it, once it is proven to log in, and restarts the
// processes that hold an older one.
package main

import (
	"fmt"
	"os"

	"github.com/fluxcd/pkg/runtime/logger"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/internal/secretsync"
	"github.com/tazzo/rebirth/internal/secretsync/grants"
	"github.com/tazzo/rebirth/internal/secretsync/pglogin"
)

func main() {
	if err := command().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "secret-sync:", err)
		os.Exit(1)
	}
}

type flags struct {
	manager     manager.Options
	exports     []string
	imports     []string
	clusterWide bool
}

func command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "secret-sync",
		Short: "Mirror a database user's proven password to the namespaces that may have it",
		Long: `secret-sync is a Kubernetes controller for SecretExports and SecretImports.

It watches the PostgresClusters of Crunchy PGO and the Secrets of their users,
proves by a login that a password works, mirrors the Secret into the namespaces
that its owner names, and restarts the processes that hold an older value.

It is installed by the chart charts/secret-sync, whose values render both the
flags below and the Roles that go with them.`,
		Example: `  # Serve one database's namespace and one consumer's, as the chart would:
  secret-sync --export tazlab-db --import monitoring --enable-leader-election

  # The same from a laptop, with the kubeconfig of the chart's ServiceAccount:
  KUBECONFIG=secret-sync.kubeconfig secret-sync --export tazlab-db --import monitoring`,
		Args:          cobra.NoArgs,
		Version:       manager.VersionOrRevision(),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return run(cmd, f) },
	}
	f.manager.BindFlags(cmd.Flags())
	cmd.Flags().StringArrayVar(&f.exports, "export", nil, "A namespace, or namespace/secret, whose Secrets may be exported; may be given more than once.")
	cmd.Flags().StringArrayVar(&f.imports, "import", nil, "A namespace whose imports may be served; may be given more than once.")
	cmd.Flags().BoolVar(&f.clusterWide, "cluster-wide", false, "Serve every namespace, instead of --export and --import.")
	cmd.MarkFlagsMutuallyExclusive("cluster-wide", "export")
	cmd.MarkFlagsMutuallyExclusive("cluster-wide", "import")
	return cmd
}

func run(cmd *cobra.Command, f flags) error {
	granted, err := f.grants()
	if err != nil {
		return err
	}
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("no way to reach a cluster: run inside of one, or set KUBECONFIG: %w", err)
	}
	logger.SetLogger(logger.NewLogger(f.manager.Logger))
	mgr, err := newManager(cmd, cfg, f, granted)
	if err != nil {
		return err
	}
	log := ctrl.Log.WithName("setup")
	log.Info("starting", "version", manager.VersionOrRevision(), "exports", f.exports, "imports", f.imports, "clusterWide", f.clusterWide)
	if len(f.exports)+len(f.imports) == 0 && !f.clusterWide {
		log.Info("no namespace is granted, so every export and import will say NoRights: set the chart's values exports and imports")
	}
	return mgr.Start(cmd.Context())
}

func newManager(cmd *cobra.Command, cfg *rest.Config, f flags, granted grants.Set) (ctrl.Manager, error) {
	scheme, err := secretsync.Scheme()
	if err != nil {
		return nil, err
	}
	mgr, err := manager.New(cfg, secretsync.Name, scheme, f.manager, secretsync.Cache())
	if err != nil {
		return nil, err
	}
	return mgr, secretsync.Setup(cmd.Context(), mgr, secretsync.Options{
		Grants: granted, Concurrent: f.manager.Concurrent, Login: pglogin.Try, Clock: clock.RealClock{},
	})
}

func (f flags) grants() (grants.Set, error) {
	if f.clusterWide {
		return grants.ClusterWide(), nil
	}
	return grants.Parse(f.exports, f.imports)
}
