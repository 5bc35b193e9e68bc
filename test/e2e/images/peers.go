package images

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Repository is the prefix of all images that are built here. No registry is called
// "localhost", so nobody takes them for the upstream ones, and none is ever pulled.
const Repository = "localhost/rebirth-e2e/"

// Tag of the images whose tag is nobody's business.
const Tag = "built-here"

// image is one of a program or two on an empty base, or another name for the peers'
// Debian.
type image struct {
	name string
	// tag is Tag, unless something insists on its own.
	tag string
	// programs by their paths in the image.
	programs map[string]string
	// debian has the peers' file system beside them, which already holds the programs.
	debian bool
	user   string
}

const nobody = "65532:65532"

// peers are the images that the nodes hold from the start.
func peers(kubernetesVersion string) []image {
	single := func(name, tag, user string) image {
		return image{name: name, tag: tag, user: user, programs: map[string]string{"/usr/local/bin/" + name: name}}
	}
	return []image{
		single("kube-apiserver", kubernetesVersion, "0"),
		single("kube-controller-manager", kubernetesVersion, "0"),
		single("kube-scheduler", kubernetesVersion, "0"),
		single("etcd", Tag, "0"),
		single("coredns", Tag, "0"),
		single("pause", Tag, nobody),
		single("source-controller", Tag, nobody),
		single("kustomize-controller", Tag, nobody),
		single("helm-controller", Tag, nobody),
		single("external-secrets", Tag, nobody),
		single("postgres-operator", Tag, nobody),
		single("grafana-standin", Tag, nobody),
		{name: "kube-proxy", tag: kubernetesVersion, debian: true, user: "0"},
		{name: "flannel", tag: Tag, debian: true, user: "0"},
		{name: "postgres", tag: Tag, debian: true, user: "26"},
	}
}

// inDebian are the programs on the peers' Debian. kube-proxy and Flannel need its
// iptables, with the libraries that these load.
var inDebian = map[string]string{
	"/usr/local/bin/kube-proxy": "kube-proxy",
	"/opt/bin/flanneld":         "flanneld",
	"/opt/cni/bin/flannel":      "cni-flannel",
	"/usr/local/bin/kubectl":    "kubectl",
}

func (i image) fullName() string { return Repository + i.name + ":" + i.tag }

// peersBase is the peers' Debian as one layer, so that the nodes' containerd can
// hold it unpacked without the marks that a second layer makes of deleted files.
const peersBase = Repository + "debian:" + Tag

// buildPeersBase makes the image that those with debian share.
func (b *build) buildPeersBase(ctx context.Context) error {
	imported := Repository + "debian-imported:" + Tag
	if err := importFilesystem(ctx, b.files.peers, imported); err != nil {
		return err
	}
	script, err := sources.ReadFile("peers/pgbackrest.sh")
	if err != nil {
		return err
	}
	files := map[string][]byte{"/opt/crunchy/bin/pgbackrest": script}
	layered := Repository + "debian-layered:" + Tag
	if err := b.dockerfile(ctx, "peers", layered, inDebian, files); err != nil {
		return err
	}
	return flatten(ctx, layered, peersBase, b.dir)
}

// flatten makes one layer of an image.
func flatten(ctx context.Context, from, to, dir string) error {
	const container = "rebirth-flatten"
	removeContainer(ctx, container) // of a killed run
	if err := docker(ctx, "create", "--name", container, from, "/none"); err != nil {
		return err
	}
	defer removeContainer(ctx, container)
	file := filepath.Join(dir, "flat.tar")
	defer os.Remove(file)
	if err := docker(ctx, "export", "--output", file, container); err != nil {
		return err
	}
	return importFilesystem(ctx, file, to)
}

// buildImage builds one image.
func (b *build) buildImage(ctx context.Context, i image) error {
	lines := []string{"FROM scratch", "COPY root/ /"}
	if i.debian {
		lines = []string{"FROM " + peersBase}
	}
	lines = append(lines,
		"ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 LC_ALL=C.UTF-8",
		"USER "+i.user)
	if paths := slices.Sorted(maps.Keys(i.programs)); len(paths) > 0 {
		lines = append(lines, fmt.Sprintf("ENTRYPOINT [%q]", paths[0]))
	}
	context, err := b.stage(i.name, strings.Join(lines, "\n")+"\n", i.programs, nil)
	if err != nil {
		return err
	}
	defer os.RemoveAll(context)
	return docker(ctx, "build", "--quiet", "--tag", i.fullName(), context)
}

// dockerfile builds from a Dockerfile of this package, with the files below root/.
func (b *build) dockerfile(ctx context.Context, name, tag string, programs map[string]string, files map[string][]byte) error {
	content, err := sources.ReadFile(path.Join(name, "Dockerfile"))
	if err != nil {
		return err
	}
	context, err := b.stage(name, string(content), programs, files)
	if err != nil {
		return err
	}
	defer os.RemoveAll(context)
	return docker(ctx, "build", "--quiet", "--tag", tag, context)
}

// stage lays out the folder that "docker build" is given.
func (b *build) stage(name, dockerfile string, programs map[string]string, files map[string][]byte) (string, error) {
	dir, err := os.MkdirTemp(b.dir, name+"-")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		return "", err
	}
	root := filepath.Join(dir, "root")
	for to, program := range programs {
		if err := copyFile(b.programs[program], filepath.Join(root, to), 0o755); err != nil {
			return "", fmt.Errorf("program %s: %w", program, err)
		}
	}
	for to, content := range files {
		file := filepath.Join(root, to)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return "", err
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(string(content), "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(file, content, mode); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func copyFile(from, to string, mode os.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, mode)
}
