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
			cluster, warnings, err := f.decode(cmd)
			if err != nil {
				return err
			}
			if err := run.Validate(cluster, filepath.Dir(f.file), clock.RealClock{}.Now()); err != nil {
				return err
			}
			if f.output == formatJSON {
				return f.encodeProblems(cmd.OutOrStdout(), warnings)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: cluster %s with %d nodes is valid\n", f.file, cluster.Metadata.Name, len(cluster.Nodes))
			return err
		},
	}
}

func printProblems(w io.Writer, problems spec.Problems) {
	for _, problem := range problems {
		fmt.Fprintln(w, problem)
	}
}

// encodeProblems prints one document, also where there is no problem.
func (f *flags) encodeProblems(w io.Writer, problems spec.Problems) error {
	if problems == nil {
		problems = spec.Problems{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"file": f.file, "problems": problems})
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
