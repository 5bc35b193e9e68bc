package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/tazzo/rebirth/test/process"
)

// programs are PostgreSQL's own, and whom they run as.
type programs struct {
	dir        string
	credential *syscall.Credential // nil: as this process
}

func (p programs) initdb() string   { return filepath.Join(p.dir, "initdb") }
func (p programs) postgres() string { return filepath.Join(p.dir, "postgres") }

// own hands a file to the user that PostgreSQL runs as.
func (p programs) own(path string) error {
	if p.credential == nil {
		return nil
	}
	return os.Chown(path, int(p.credential.Uid), int(p.credential.Gid))
}

// errNotInstalled says what a person has to do.
var errNotInstalled = errors.New("PostgreSQL's initdb and postgres are neither on PATH nor below /usr/lib/postgresql: " +
	"install the server (Debian and Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; " +
	"macOS: brew install postgresql), or run as root on Debian or Ubuntu, where it is installed by itself")

// Prepare finds PostgreSQL, or installs it where this process may (as root, on
// Debian and its kin), and says so on progress. Start does the same.
func Prepare(ctx context.Context, progress io.Writer) error {
	_, err := findOrInstall(ctx, progress)
	return err
}

func findOrInstall(ctx context.Context, progress io.Writer) (programs, error) {
	dir, err := find()
	if errors.Is(err, errNotInstalled) && canInstall() {
		dir, err = install(ctx, progress)
	}
	if err != nil {
		return programs{}, err
	}
	credential, err := unprivileged()
	return programs{dir: dir, credential: credential}, err
}

// find looks on PATH and where Debian puts the newest version.
func find() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(initdb); err == nil && complete(filepath.Dir(real)) {
			return filepath.Dir(real), nil
		}
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { return !complete(dir) })
	if len(dirs) == 0 {
		return "", errNotInstalled
	}
	return slices.MaxFunc(dirs, func(a, b string) int { return cmp.Compare(major(a), major(b)) }), nil
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// major version of /usr/lib/postgresql/<major>/bin; 0 if there is none.
func major(dir string) int {
	number, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	if err != nil {
		return 0
	}
	return number
}

func canInstall() bool {
	_, err := exec.LookPath("apt-get")
	return err == nil && os.Geteuid() == 0
}

// install has one process at a time install the package, without the database
// cluster that Debian's scripts would create and start.
func install(ctx context.Context, progress io.Writer) (string, error) {
	unlock, err := process.Lock(ctx, filepath.Join(os.TempDir(), "rebirth-apt.lock"), func() {
		fmt.Fprintln(progress, "postgres: another process installs it, so waiting")
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if dir, err := find(); err == nil {
		return dir, nil
	}
	fmt.Fprintln(progress, "postgres: not installed, so installing the package postgresql with apt-get")
	if err := createNoCluster(); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"update"},
		{"install", "--yes", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=300", "postgresql"},
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return find()
}

func createNoCluster() error {
	const conf = "/etc/postgresql-common/createcluster.conf"
	if _, err := os.Stat(conf); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
		return err
	}
	return os.WriteFile(conf, []byte("create_main_cluster = false\n"), 0o644)
}

// unprivileged is whom PostgreSQL runs as when this process is root, whom it
// refuses.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody: create one")
}
