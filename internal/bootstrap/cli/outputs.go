package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tazzo/rebirth/internal/bootstrap/run"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

const outputsHelp = `The credentials that it makes go to standard output (-) or to files on a file
system in memory, such as /run/user/UID or /dev/shm. Anything else is refused: a
credential on a disk outlives its cluster.`

// outputs are where the cluster's credentials go.
type outputs struct {
	kubeconfig  string
	talosconfig string
	secrets     string
	discard     bool
}

func (o *outputs) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.kubeconfig, "kubeconfig", "", "Write the kubeconfig there; - is standard output.")
	cmd.Flags().StringVar(&o.talosconfig, "talosconfig", "", "Write the talosconfig there; - is standard output.")
	cmd.Flags().StringVar(&o.secrets, "secrets", "", "Write the cluster's secrets bundle there, for talos.secrets; - is standard output.")
	cmd.Flags().BoolVar(&o.discard, "discard-credentials", false, "Keep no credential: the cluster is Flux' alone, and can only be reborn.")
	cmd.MarkFlagsMutuallyExclusive("discard-credentials", "kubeconfig")
	cmd.MarkFlagsMutuallyExclusive("discard-credentials", "talosconfig")
	cmd.MarkFlagsMutuallyExclusive("discard-credentials", "secrets")
}

// output is where one credential goes, by its flag.
type output struct{ flag, path string }

func (o *outputs) all() []output {
	return []output{{"--kubeconfig", o.kubeconfig}, {"--talosconfig", o.talosconfig}, {"--secrets", o.secrets}}
}

// check refuses, before anything is done, what could not be written in the end.
func (o *outputs) check(cmd *cobra.Command, f *flags) error {
	var errs []error
	toStdout := 0
	for _, output := range o.all() {
		switch output.path {
		case "":
		case "-":
			toStdout++
		default:
			if err := secret.CheckPath(output.path); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", output.flag, err))
			}
		}
	}
	if toStdout > 1 {
		errs = append(errs, errors.New("only one of --kubeconfig, --talosconfig and --secrets can be -"))
	}
	if toStdout > 0 && f.output == formatJSON {
		errs = append(errs, errors.New("standard output has the JSON (-o json): write credentials to files"))
	}
	if err := checkStdout(cmd); toStdout > 0 && err != nil {
		errs = append(errs, fmt.Errorf("standard output: %w", err))
	}
	return errors.Join(errs...)
}

// checkStdout refuses a shell's redirection to a disk.
func checkStdout(cmd *cobra.Command) error {
	file, ok := cmd.OutOrStdout().(*os.File)
	if !ok {
		return nil
	}
	return secret.CheckStream(file)
}

// credentials writes each credential as soon as it is there.
func (o *outputs) credentials(cmd *cobra.Command) run.Credentials {
	sink := func(path string) func(secret.Value) error {
		switch path {
		case "":
			return nil
		case "-":
			return func(v secret.Value) error {
				_, err := cmd.OutOrStdout().Write(v.Bytes())
				return err
			}
		default:
			return func(v secret.Value) error { return secret.WriteFile(path, v) }
		}
	}
	return run.Credentials{Kubeconfig: sink(o.kubeconfig), Talosconfig: sink(o.talosconfig), Secrets: sink(o.secrets), Discard: o.discard}
}
