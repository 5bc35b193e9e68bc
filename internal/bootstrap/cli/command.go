// Package cli is the command line of bootstrap: flags, questions and output. What
// is done is decided and done elsewhere.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/progress"
	"github.com/tazzo/rebirth/internal/bootstrap/run"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// ErrReported is a failure whose cause has been printed already.
var ErrReported = errors.New("failed")

// The formats of output.
const (
	formatText = "text"
	formatJSON = "json"
)

// flags that every command has.
type flags struct {
	file   string
	output string
}

// Command is the whole command line. An empty version is read from the build.
func Command(version string) *cobra.Command {
	var f flags
	root := &cobra.Command{
		Use:   "bootstrap",
		Short: "Make a Talos cluster on Proxmox from nothing, and nothing else",
		Long: `bootstrap makes the virtual machines of a cluster, installs Talos on them, lets
them join a tailnet, and hands over to Flux. One file, cluster.yaml, says what the
cluster is. There is no state file: what is there is looked at each time, so an
interrupted run is simply run again.

No secret touches a disk: each is read from a source that cluster.yaml names, and
stays in memory. The tailnet's auth key is lent to the memory of each node, taken
back when the node has joined, and revoked.`,
		Version:       versionOf(version),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if f.output != formatText && f.output != formatJSON {
				return fmt.Errorf("--output %q: must be text or json", f.output)
			}
			return nil
		},
	}
	root.PersistentFlags().StringVarP(&f.file, "file", "f", "cluster.yaml", "The file that says what the cluster is; - is standard input.")
	root.PersistentFlags().StringVarP(&f.output, "output", "o", formatText, "The output: text, or json for a machine.")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{formatText, formatJSON}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.MarkPersistentFlagFilename("file", "yaml", "yml")
	root.AddCommand(
		validateCommand(&f), schemaCommand(), planCommand(&f), statusCommand(&f),
		createCommand(&f), destroyCommand(&f), rebirthCommand(&f), rejoinCommand(&f),
	)
	return root
}

func versionOf(version string) string {
	if version != "" {
		return version
	}
	if build, ok := debug.ReadBuildInfo(); ok && build.Main.Version != "" {
		return build.Main.Version
	}
	return "devel"
}

// decode reads and checks cluster.yaml, and prints what is wrong with it.
func (f *flags) decode(cmd *cobra.Command) (*spec.Cluster, error) {
	data, err := readFile(cmd, f.file)
	if err != nil {
		return nil, err
	}
	cluster, problems := spec.Decode(f.file, data)
	return cluster, f.judge(cmd, problems)
}

// session is a run with everything that it needs from the command line.
type session struct {
	*run.Run
	reporter *progress.Progress
}

// with opens a session for what is done in it, and closes it whatever happened.
func (f *flags) with(cmd *cobra.Command, need run.Need, do func(*session) error) (err error) {
	s, err := f.open(cmd, need)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), s.reporter.Close()) }()
	return do(s)
}

// observe looks at what is there, and closes the session.
func (f *flags) observe(cmd *cobra.Command, need run.Need, look func(*run.Run, context.Context) (plan.Facts, error)) (facts plan.Facts, err error) {
	err = f.with(cmd, need, func(s *session) error {
		facts, err = look(s.Run, cmd.Context())
		return err
	})
	return facts, err
}

// open decodes cluster.yaml, protects the process, and connects. The caller closes
// the session, which revokes what is still lent.
func (f *flags) open(cmd *cobra.Command, need run.Need) (*session, error) {
	cluster, err := f.decode(cmd)
	if err != nil {
		return nil, err
	}
	for _, note := range secret.Harden() {
		fmt.Fprintln(cmd.ErrOrStderr(), "note:", note)
	}
	reporter := f.reporter(cmd, need)
	opened, err := run.Open(cmd.Context(), run.Options{
		Cluster: cluster, File: f.file, Sources: secret.NewReader(f.stdin(cmd), cmd.ErrOrStderr()),
		Reporter: reporter, Clock: clock.RealClock{}, Need: need,
	})
	if err != nil {
		return nil, errors.Join(err, reporter.Close())
	}
	return &session{Run: opened, reporter: reporter}, nil
}

// stdin is where a secret may come from, unless cluster.yaml came from there.
func (f *flags) stdin(cmd *cobra.Command) io.Reader {
	if f.file == "-" {
		return usedUp{}
	}
	return cmd.InOrStdin()
}

// usedUp is standard input behind cluster.yaml.
type usedUp struct{}

func (usedUp) Read([]byte) (int, error) {
	return 0, errors.New("cluster.yaml was read from it (-f -): name another source, or the file")
}

// reporter shows progress on standard error, so that standard output is free; as
// JSON it is the output, where that is not a plan.
func (f *flags) reporter(cmd *cobra.Command, need run.Need) *progress.Progress {
	if f.output == formatJSON && need != run.ToPlan {
		return progress.NewJSON(cmd.OutOrStdout(), clock.RealClock{})
	}
	return progress.New(cmd.ErrOrStderr(), clock.RealClock{})
}
