package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tazzo/rebirth/test/controlplane"
)

// onNode are the programs of a node by their paths.
var onNode = map[string]string{
	"/usr/bin/kubeadm":                       "kubeadm",
	"/usr/bin/kubectl":                       "kubectl",
	"/usr/bin/kubelet":                       "kubelet",
	"/usr/local/bin/containerd":              "containerd",
	"/usr/local/bin/containerd-shim-runc-v2": "containerd-shim-runc-v2",
	"/usr/local/bin/ctr":                     "ctr",
	"/usr/local/bin/crictl":                  "crictl",
	// In front of Debian's own on PATH.
	"/usr/local/sbin/runc":    "ociruntime",
	"/opt/cni/bin/bridge":     "cni-bridge",
	"/opt/cni/bin/host-local": "cni-host-local",
	"/opt/cni/bin/loopback":   "cni-loopback",
	"/opt/cni/bin/portmap":    "cni-portmap",
}

// kindFiles are those of kind's base image, in its module below images/base/files.
var kindFiles = []string{
	"etc/containerd/config.toml",
	"etc/crictl.yaml",
	"etc/default/kubelet",
	"etc/sysctl.d/10-network-magic.conf",
	"etc/sysctl.d/10-network-security.conf",
	"etc/systemd/system/containerd.service",
	"etc/systemd/system/kubelet.service",
	"etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
	"etc/systemd/system/kubelet.service.d/11-kind.conf",
	"etc/systemd/system/kubelet.slice",
	"etc/systemd/system/undo-mount-hacks.service",
	"kind/bin/create-kubelet-cgroup-v2.sh",
	"kind/bin/mount-product-files.sh",
	"kind/bin/undo-mount-hacks.sh",
	"usr/local/bin/entrypoint",
}

// buildNode makes the node image: kind's base image, Kubernetes, and the peers' images
// in containerd's store.
func (b *build) buildNode(ctx context.Context, name string) error {
	if err := importFilesystem(ctx, b.files.node, Repository+"node-debian:"+Tag); err != nil {
		return err
	}
	files, err := b.nodeFiles(ctx)
	if err != nil {
		return err
	}
	base := Repository + "node-base:" + Tag
	if err := b.dockerfile(ctx, "node", base, onNode, files); err != nil {
		return err
	}
	return b.fillStore(ctx, base, name)
}

func (b *build) nodeFiles(ctx context.Context) (map[string][]byte, error) {
	files := map[string][]byte{
		"/kind/version": []byte(b.kubernetesVersion),
		// kind applies it. Volumes are folders that the nodes have.
		"/kind/manifests/default-storage.yaml": []byte(storageClass),
	}
	for _, name := range kindFiles {
		content, err := controlplane.ModuleFile(ctx, "tools/kind", "sigs.k8s.io/kind", "images/base/files/"+name)
		if err != nil {
			return nil, err
		}
		files["/"+name] = content
	}
	// A node's containerd can't lower the score of what it starts where the machine
	// forbids it, and need not.
	config := strings.NewReplacer(
		"registry.k8s.io/pause:3.10", Repository+"pause:"+Tag,
		"restrict_oom_score_adj = false", "restrict_oom_score_adj = true",
	).Replace(string(files["/etc/containerd/config.toml"]))
	files["/etc/containerd/config.toml"] = []byte(config)
	return files, nil
}

const storageClass = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: standard
  annotations:
    storageclass.kubernetes.io/is-default-class: "true"
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
reclaimPolicy: Delete
`

// fillStore unpacks the peers' images into the node's containerd once, and not at
// each creation of a cluster. containerd's overlays need a real file system below,
// hence the volume. On a node /var is one, too, and Docker copies it for each: so what
// is large is moved out of it, where the nodes share it as lower layers.
func (b *build) fillStore(ctx context.Context, base, name string) error {
	archive := filepath.Join(b.dir, "peers.tar")
	defer os.Remove(archive)
	var names []string
	for _, i := range peers(b.kubernetesVersion) {
		names = append(names, i.fullName())
	}
	if err := docker(ctx, append([]string{"save", "--output", archive}, names...)...); err != nil {
		return err
	}
	const container = "rebirth-node-image"
	removeContainer(ctx, container) // of a killed run
	if err := docker(ctx, "run", "--detach", "--privileged", "--name", container, "--entrypoint", "sleep",
		"--volume", "/store", "--volume", archive+":/peers.tar:ro", base, "infinity"); err != nil {
		return err
	}
	defer removeContainer(ctx, container)
	if err := docker(ctx, "exec", container, "bash", "-euc", fillScript); err != nil {
		return fmt.Errorf("fill containerd's store: %w", err)
	}
	return docker(ctx, "commit", "--change", `ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]`,
		"--change", "LABEL "+keyLabel+"="+b.key, container, name)
}

const fillScript = `
containerd --root /store --config /etc/containerd/config.toml >/tmp/containerd.log 2>&1 &
for ((i = 0; i < 300; i++)); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
ctr --namespace k8s.io images import --local --discard-unpacked-layers --label io.cri-containerd.pinned=pinned --label io.cri-containerd.image=managed /peers.tar
kill %1
wait
snapshots=io.containerd.snapshotter.v1.overlayfs/snapshots
mkdir -p /opt/snapshots
for snapshot in /store/$snapshots/*; do
	mv "$snapshot/fs" "/opt/snapshots/${snapshot##*/}"
	ln -s "/opt/snapshots/${snapshot##*/}" "$snapshot/fs"
done
cp --archive --no-target-directory /store /var/lib/containerd
rm -f /tmp/containerd.log
`
