// Package cli is the command "lint" of readiness-gate.
package cli

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tazzo/rebirth/internal/readiness/lint"
)

type flags struct {
	path    string
	gate    string
	sources map[string]string
	strict  bool
	output  string
}

// Command returns the command. It fails, so that the program exits with 1, if the
// directory can't be judged, on any error among the findings, and with --strict
// on any finding.
func Command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "lint DIR",
		Short: "Say what in a Flux repository doesn't wait for the network",
		Long: `lint reads a Flux repository, builds each Kustomization as Flux would, and says
which Kustomizations and HelmReleases are not behind the gate, which health checks
Flux ignores or which prove nothing, and where objects wait for each other.

DIR is the root of the repository, to which spec.path is relative. Nothing is
fetched and nothing is written. What is meant to start before the gate opens
carries the annotation ` + lint.UpstreamAnnotation + `: "true"; what the
gate depends on needs none.

The exit status is 1 if there is an error, and with --strict if there is a warning.`,
		Example: `  # The repository in the current directory:
  readiness-gate lint .

  # One of several clusters in it, warnings included, for a pipeline:
  readiness-gate lint . --path clusters/home --strict -o json

  # The gate's manifests come from a source of their own:
  readiness-gate lint . --source flux-system/rebirth=../rebirth

  # Without readiness-gate: what is not behind this Kustomization?
  readiness-gate lint . --gate flux-system/network`,
		Args:          oneDirectory,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, args []string) error { return run(cmd, args[0], f) },
	}
	cmd.Flags().StringVar(&f.path, "path", "", "The folder below DIR that Flux applies, as given to \"flux bootstrap --path\"; by default it is found.")
	cmd.Flags().StringVar(&f.gate, "gate", "", "The gate's Kustomization, as namespace/name; by default the one that applies readiness-gate.")
	cmd.Flags().StringToStringVar(&f.sources, "source", nil, "The content of another Flux source, as namespace/name=directory; may be given more than once.")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "Fail on warnings, too.")
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "The output: text or json.")
	return cmd
}

func oneDirectory(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%d directories are given: name one, such as in \"readiness-gate lint .\"", len(args))
	}
	return nil
}

func run(cmd *cobra.Command, dir string, f flags) error {
	if f.output != "text" && f.output != "json" {
		return fmt.Errorf("--output %q: must be text or json", f.output)
	}
	fsys, err := open(dir)
	if err != nil {
		return err
	}
	options := lint.Options{Path: f.path, Gate: f.gate, Sources: map[string]fs.FS{}}
	for _, name := range slices.Sorted(maps.Keys(f.sources)) {
		if options.Sources[name], err = open(f.sources[name]); err != nil {
			return fmt.Errorf("--source %s: %w", name, err)
		}
	}
	findings, graph, err := lint.Lint(fsys, options)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if err := write(cmd, f.output, findings, graph); err != nil {
		return err
	}
	if lint.Failed(findings, f.strict) {
		return fmt.Errorf("%s: %s", dir, lint.Tally(findings))
	}
	return nil
}

// open shows a directory, and nothing outside of it: symbolic links can't lead out.
func open(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return root.FS(), nil
}

func write(cmd *cobra.Command, output string, findings []lint.Finding, graph *lint.Graph) error {
	if output == "text" {
		_, err := fmt.Fprint(cmd.OutOrStdout(), lint.Text(findings, graph))
		return err
	}
	encoded, err := lint.JSON(findings, graph)
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(encoded)
	return err
}
