// Package images makes the images of the end-to-end tier from pinned Go modules and
// Debian packages, with no registry: the node's, and those of the programs around
// this project's own.
package images

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tazzo/rebirth/test/controlplane"
)

// sources are what this package makes images from, and so part of their key.
//
//go:embed *.go */*
var sources embed.FS

// keyLabel of a node image says what it was made from.
const keyLabel = "net.tazlab.rebirth.e2e"

// Prepared is what images are made from.
type Prepared struct {
	// Programs are paths of executables by their names: kind and kubectl among them.
	Programs map[string]string
	// Cache is the folder that is kept from one run to the next.
	Cache string
	files filesystems
}

type filesystems struct{ node, peers string }

// Prepare downloads and builds all that images are made from, unless it was done
// before, and says on progress what takes its time. It needs the network the first
// time, and root.
func Prepare(ctx context.Context, progress io.Writer) (*Prepared, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	p := &Prepared{Programs: map[string]string{}, Cache: cache}
	// Debian comes over the network, while the programs keep the processors busy.
	group, building := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		p.files.node, err = nodeFilesystem.prepare(building, cache, say(progress))
		return err
	})
	group.Go(func() (err error) {
		p.files.peers, err = peersFilesystem.prepare(building, cache, say(progress))
		return err
	})
	group.Go(func() (err error) {
		for _, name := range slices.Sorted(maps.Keys(pinned)) {
			if p.Programs[name], err = Program(building, name, progress); err != nil {
				return err
			}
		}
		return downloadModules(building)
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(cache, "bin")
	if err := buildOwn(ctx, root, bin); err != nil {
		return nil, err
	}
	for name := range own {
		p.Programs[name] = filepath.Join(bin, name)
	}
	return p, nil
}

func cacheDir() (string, error) {
	cache := os.Getenv("REBIRTH_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder to keep images in (REBIRTH_CACHE names one): %w", err)
		}
		cache = filepath.Join(user, "rebirth")
	}
	return filepath.Join(cache, "e2e"), os.MkdirAll(filepath.Join(cache, "e2e", "bin"), 0o755)
}

// build is one making of the node image.
type build struct {
	programs          map[string]string
	files             filesystems
	dir               string // for what is temporary
	kubernetesVersion string
	key               string
}

// NodeImage returns the name of the node image, which it makes unless Docker has it.
func (p *Prepared) NodeImage(ctx context.Context, progress io.Writer) (string, error) {
	b := &build{programs: p.Programs, files: p.files}
	var err error
	if b.kubernetesVersion, err = kubernetesVersion(ctx, p.Programs["kubeadm"]); err != nil {
		return "", err
	}
	if b.key, err = p.key(); err != nil {
		return "", err
	}
	name := Repository + "node:" + b.key
	// The sandbox's lock is held: whoever made these is dead.
	if err := removeLeftovers(filepath.Join(p.Cache, "images-*")); err != nil {
		return "", err
	}
	if exists(ctx, name) {
		return name, nil
	}
	start := time.Now()
	say(progress)("node image: making it from Kubernetes %s and the peers' images, which takes some minutes", b.kubernetesVersion)
	if b.dir, err = os.MkdirTemp(p.Cache, "images-"); err != nil {
		return "", err
	}
	defer os.RemoveAll(b.dir)
	if err := b.all(ctx, name, say(progress)); err != nil {
		return "", fmt.Errorf("node image: %w", err)
	}
	say(progress)("node image: made in %s", time.Since(start).Round(time.Second))
	return name, removeOthers(ctx, name)
}

func (b *build) all(ctx context.Context, name string, say func(string, ...any)) error {
	say("node image: the peers' Debian")
	if err := b.buildPeersBase(ctx); err != nil {
		return err
	}
	say("node image: the peers")
	for _, i := range peers(b.kubernetesVersion) {
		if err := b.buildImage(ctx, i); err != nil {
			return err
		}
	}
	say("node image: the node")
	return b.buildNode(ctx, name)
}

func kubernetesVersion(ctx context.Context, kubeadm string) (string, error) {
	var version strings.Builder
	err := run(ctx, command{stdout: &version}, kubeadm, "version", "--output", "short")
	return strings.TrimSpace(version.String()), err
}

// key changes with anything that the node image is made from. The pinned programs'
// paths change with their pins.
func (p *Prepared) key() (string, error) {
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(p.Programs)) {
		fmt.Fprintln(hash, name, p.Programs[name])
		if own[name] == "" {
			continue
		}
		content, err := os.ReadFile(p.Programs[name])
		if err != nil {
			return "", err
		}
		hash.Write(content)
	}
	fmt.Fprintln(hash, p.files.node, p.files.peers)
	for _, pattern := range []string{"*.go", "*/*"} {
		files, err := globFiles(pattern)
		if err != nil {
			return "", err
		}
		hash.Write(files)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))[:12], nil
}

// removeOthers removes what is not needed once the node image is there: the images
// that it was made from, and former node images.
func removeOthers(ctx context.Context, keep string) error {
	var list strings.Builder
	if err := run(ctx, command{stdout: &list}, "docker", "images", "--format", "{{.Repository}}:{{.Tag}}"); err != nil {
		return err
	}
	for name := range strings.FieldsSeq(list.String()) {
		if name != keep && strings.HasPrefix(name, Repository) {
			if err := docker(ctx, "rmi", "--force", name); err != nil {
				return err
			}
		}
	}
	return docker(ctx, "image", "prune", "--force")
}
