package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

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
			data, err := readFile(cmd, f.file)
			if err != nil {
				return err
			}
			cluster, problems := examine(f.file, data)
			if err := f.judge(cmd, problems); err != nil {
				return err
			}
			if f.output == formatJSON {
				return f.encodeProblems(cmd.OutOrStdout(), problems)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: cluster %s with %d nodes is valid\n", f.file, cluster.Metadata.Name, len(cluster.Nodes))
			return err
		},
	}
}

// examine says what is wrong with cluster.yaml and the files that it names, all at
// once. The cluster is nil if anything is wrong with cluster.yaml itself.
func examine(path string, data []byte) (*spec.Cluster, spec.Problems) {
	cluster, problems := spec.Decode(path, data)
	if cluster != nil {
		return cluster, append(problems, run.Validate(path, cluster, clock.RealClock{}.Now())...)
	}
	if glance := spec.Glance(data); glance != nil {
		problems = append(problems, run.ValidateFiles(path, glance)...)
	}
	return nil, problems
}

// judge ends a command on a cluster.yaml with mistakes, which it prints: as JSON on
// standard output, else on standard error. Warnings alone end nothing.
func (f *flags) judge(cmd *cobra.Command, problems spec.Problems) error {
	mistakes := len(problems.Errors())
	if mistakes > 0 && f.output == formatJSON {
		return errors.Join(f.encodeProblems(cmd.OutOrStdout(), problems), ErrReported)
	}
	for _, problem := range problems {
		fmt.Fprintln(cmd.ErrOrStderr(), problem)
	}
	switch mistakes {
	case 0:
		return nil
	case 1:
		fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: 1 mistake\n", f.file)
	default:
		fmt.Fprintf(cmd.ErrOrStderr(), "\n%s: %d mistakes\n", f.file, mistakes)
	}
	return ErrReported
}

// encodeProblems prints one document, also where there is no problem.
func (f *flags) encodeProblems(w io.Writer, problems spec.Problems) error {
	if problems == nil {
		problems = spec.Problems{}
	}
	return encodeJSON(w, map[string]any{"file": f.file, "problems": problems})
}

// encodeJSON prints one document for a machine that a person may read as well.
func encodeJSON(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
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
