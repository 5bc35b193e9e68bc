package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/run"
)

func destroyCommand(f *flags) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Stop and delete the cluster's machines, and remove its devices from the tailnet",
		Long: `destroy removes the machines that carry the cluster's tag and marker, with their
disks, and then their devices. It asks nothing of the cluster, which may be dead.
Machines and devices that lack either are never touched.

"bootstrap plan --destroy" shows what it would do.`,
		Example: `  bootstrap plan --destroy
  bootstrap destroy
  bootstrap destroy --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.checkConfirm(yes); err != nil {
				return err
			}
			return f.with(cmd, run.ToDestroy, func(s *session) error {
				return f.conclude(cmd, s, s.Destroy(cmd.Context(), f.confirm(cmd, s, "destroy", yes)))
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "Destroy without asking.")
	return cmd
}

// checkConfirm says, before anything is looked at, that nobody could be asked.
func (f *flags) checkConfirm(yes bool) error {
	if yes {
		return nil
	}
	terminal, err := f.terminal()
	if err != nil {
		return fmt.Errorf("it is about to destroy, and %w", err)
	}
	return terminal.Close()
}

// terminal is where somebody can be asked. Standard input may carry a secret.
func (f *flags) terminal() (*os.File, error) {
	if f.output == formatJSON {
		return nil, errors.New("a machine (-o json) is asked nothing: say --yes to destroy without a question")
	}
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("there is no terminal to ask at: say --yes to destroy without a question")
	}
	return terminal, nil
}

// confirm asks for the cluster's name before anything is destroyed. command is what
// destroys it.
func (f *flags) confirm(cmd *cobra.Command, s *session, command string, yes bool) run.Confirm {
	return func(doomed plan.Plan) error {
		if yes {
			return nil
		}
		terminal, err := f.terminal()
		if err != nil {
			return unasked(doomed, err)
		}
		defer terminal.Close()
		printPlan(terminal, namedPlan{command, doomed})
		return ask(cmd.Context(), terminal, s.ClusterName())
	}
}

// unasked names what would be gone, a line each.
func unasked(doomed plan.Plan, err error) error {
	return fmt.Errorf("nothing was done. These machines may hold data, and would be destroyed:\n  %s\nNobody could be asked, for %w",
		strings.Join(doomed.Machines(), "\n  "), err)
}

// ask waits no longer for an answer than ctx lasts.
func ask(ctx context.Context, terminal io.ReadWriter, name string) error {
	fmt.Fprintf(terminal, "\nAll data on these machines will be gone. Type the cluster's name, %s, to go on: ", name)
	var answer string
	var err error
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		answer, err = bufio.NewReader(terminal).ReadString('\n')
	}()
	select {
	case <-answered:
	case <-ctx.Done(): // reading goes on, until the program ends
		fmt.Fprintln(terminal)
		return fmt.Errorf("nothing was destroyed: %w", context.Cause(ctx))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(answer) != name {
		return fmt.Errorf("%q is not the cluster's name: nothing was destroyed", strings.TrimSpace(answer))
	}
	return nil
}
