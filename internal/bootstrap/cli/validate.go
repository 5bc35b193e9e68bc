package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/run"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// maxFile is more than any cluster.yaml needs.
const maxFile = 1 << 20

func validateCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Say everything that is wrong with cluster.yaml, without touching anything",
		Long: `validate reads cluster.yaml, the patches and manifests that it names, and says all
that is wrong at once, with line and column. It asks no API and reads no secret.

The exit status is 1 if anything is wrong.`,
		Example: `  bootstrap validate -f cluster.yaml
  bootstrap validate -o json | jq -r '.problems[].message'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cluster, err := f.decode(cmd)
			if err != nil {
				return err
			}
			if err := run.Validate(cluster, filepath.Dir(f.file), clock.RealClock{}.Now()); err != nil {
				return err
			}
			if f.output == formatJSON {
				return f.printProblems(cmd, nil)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: cluster %s with %d nodes is valid\n", f.file, cluster.Metadata.Name, len(cluster.Nodes))
			return err
		},
	}
}

// printProblems prints JSON to standard output, and text to standard error.
func (f *flags) printProblems(cmd *cobra.Command, problems spec.Problems) error {
	if f.output == formatJSON {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		if problems == nil {
			problems = spec.Problems{}
		}
		return encoder.Encode(map[string]any{"file": f.file, "problems": problems})
	}
	for _, problem := range problems {
		fmt.Fprintln(cmd.ErrOrStderr(), problem)
	}
	if mistakes := len(problems.Errors()); mistakes > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %d mistakes\n", f.file, mistakes)
	}
	return nil
}

func readFile(cmd *cobra.Command, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxFile+1))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w; name the cluster's file with -f", err)
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile+1))
}

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of cluster.yaml, for editors",
		Example: `  bootstrap schema > cluster.schema.json
  # then, as the first line of cluster.yaml:
  # yaml-language-server: $schema=./cluster.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(spec.Schema())
			return err
		},
	}
}
