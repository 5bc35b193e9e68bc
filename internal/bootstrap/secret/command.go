package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// passed are the variables that a command gets from our environment: where things
// are, and never a credential, because nobody knows whose children it has in turn.
// What needs a credential takes it from an agent or a file: ssh-agent, gpg-agent,
// ~/.vault-token.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE",
	"XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
	"DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "TERM", // a dialogue of pinentry's
	"SSH_AUTH_SOCK", "GNUPGHOME", "GPG_TTY", "PASSWORD_STORE_DIR", "SOPS_AGE_KEY_FILE",
	"VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_CACERT", "VAULT_CAPATH",
	"BAO_ADDR", "BAO_NAMESPACE", "BAO_CACERT", "BAO_CAPATH",
	"AWS_PROFILE", "AWS_REGION", "AWS_CONFIG_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// stragglers is how long a command's output may stay open after its end.
const stragglers = 2 * time.Second

// readCommand runs a program, without a shell, in the current directory, and returns
// its standard output. Its standard input is empty. Its standard error is thrown
// away: it may well hold the secret (curl -v, set -x), and no terminal and no log
// shall. It has no terminal to ask anything on, and dies with all its children when
// ctx ends.
func readCommand(ctx context.Context, command []string) ([]byte, error) {
	var out buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = childEnvironment(os.Environ())
	cmd.Stdout = &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = stragglers
	err := cmd.Run()
	if len(out.bytes) > maxSize {
		err = errTooLong // which is why the pipe broke that the command wrote to
	}
	if err != nil {
		clear(out.bytes)
		if errors.Is(err, exec.ErrWaitDelay) {
			_ = killGroup(cmd.Process.Pid)
		}
		return nil, fmt.Errorf("the command %s %w", command[0], explain(ctx, err))
	}
	return out.bytes, nil
}

// killGroup ends a command and its children.
func killGroup(leader int) error {
	if err := syscall.Kill(-leader, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return os.ErrProcessDone
}

func childEnvironment(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return !slices.Contains(passed, name)
	})
}

// explain says what became of a command, without a word of the command's own.
func explain(ctx context.Context, err error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("was stopped: %w", context.Cause(ctx))
	case errors.Is(err, errTooLong):
		return fmt.Errorf("printed too much: %w", errTooLong)
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("could not be started: it is not in PATH: %w", exec.ErrNotFound)
	case errors.Is(err, exec.ErrWaitDelay):
		return errors.New("ended, but a process that it left behind kept its output open, and was stopped")
	case errors.As(err, &exit):
		return fmt.Errorf("failed (%w): run it by hand to see why, for what it prints may be secret and is not shown here", err)
	default:
		return fmt.Errorf("could not be started: %w", err)
	}
}
