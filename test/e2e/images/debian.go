package images

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tazzo/rebirth/test/process"
)

// suite of Debian that the nodes and peers are made of: its systemd still knows
// cgroup v1, and it has PostgreSQL 15.
const suite = "bookworm"

// debian is a root file system made of Debian packages.
type debian struct {
	name     string
	packages []string
	// absent are packages that would come along and are not wanted.
	absent []string
}

var (
	nodeFilesystem = debian{
		name: "node",
		packages: []string{
			"systemd", "systemd-sysv", "dbus", // services
			"conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount", "kmod", "socat", // Kubernetes
			"e2fsprogs", "libseccomp2", "pigz", "runc", // containers
			"bash", "ca-certificates", "curl", "jq", "procps", "hostname", // kind
		},
	}
	peersFilesystem = debian{
		name: "peers",
		packages: []string{
			"postgresql-15", "postgresql-15-pgaudit", "patroni", "pgbackrest", // what PGO runs
			"libnss-wrapper", "gettext-base", "procps", "curl", "openssl", "ca-certificates",
			"iptables", "nftables", "conntrack", "kmod", "iproute2", "ipset", // kube-proxy and Flannel
		},
		// Patroni speaks to the API by itself.
		absent: []string{"python3-kubernetes"},
	}
)

// prepare returns the tar file of the file system, as it was made before or else
// made now.
func (d debian) prepare(ctx context.Context, cache string, say func(string, ...any)) (string, error) {
	dir := filepath.Join(cache, "debian")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	stem := filepath.Join(dir, d.name+"-"+d.key())
	file := stem + ".tar"
	unlock, err := process.Lock(ctx, file+".lock", func() { say("Debian for %s: another process makes it, so waiting", d.name) })
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := removeLeftovers(stem + "-*"); err != nil {
		return "", err
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	start := time.Now()
	say("Debian for %s: %d packages and what they need, by debootstrap", d.name, len(d.packages))
	if err := d.make(ctx, stem); err != nil {
		return "", err
	}
	say("Debian for %s: made in %s", d.name, time.Since(start).Round(time.Second))
	return file, nil
}

func (d debian) key() string {
	sum := sha256.Sum256([]byte(fmt.Sprint(suite, d.packages, d.absent, slimming)))
	return fmt.Sprintf("%x", sum)[:12]
}

// slimming is what no test reads.
var slimming = []string{
	"./var/cache/apt/*", "./var/lib/apt/lists/*", "./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*",
	"./usr/share/info/*", "./dev/*", "./debootstrap",
}

// make makes the tar file, in a folder beside it.
func (d debian) make(ctx context.Context, stem string) error {
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return fmt.Errorf("the file system of %s is made by debootstrap: %w", d.name, err)
	}
	root, err := os.MkdirTemp(filepath.Dir(stem), filepath.Base(stem)+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	// It mounts file systems below the folder. In namespaces of its own they end with it.
	args := []string{"--mount", "--pid", "--fork", "--kill-child", "debootstrap", "--variant=minbase", "--include=" + strings.Join(d.packages, ",")}
	if len(d.absent) > 0 {
		args = append(args, "--exclude="+strings.Join(d.absent, ","))
	}
	if err := run(ctx, command{}, "unshare", append(args, suite, root)...); err != nil {
		return err
	}
	if err := os.Chmod(root, 0o755); err != nil {
		return err
	}
	pack := []string{"--create", "--numeric-owner", "--file=" + stem + ".tar.new", "--directory=" + root}
	for _, pattern := range slimming {
		pack = append(pack, "--exclude="+pattern)
	}
	if err := run(ctx, command{}, "tar", append(pack, ".")...); err != nil {
		return err
	}
	return os.Rename(stem+".tar.new", stem+".tar")
}

// say writes lines to progress.
func say(progress io.Writer) func(string, ...any) {
	return func(format string, args ...any) { fmt.Fprintf(progress, format+"\n", args...) }
}
