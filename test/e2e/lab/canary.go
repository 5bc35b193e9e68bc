package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Leak is a place where a secret was found.
type Leak struct {
	Secret int // which of them, for its value must not be printed; -1 for any
	Where  string
}

// FindLeaks searches for the hidden values where they must not be: in the logs of all
// containers, in all objects but Secrets (and the store that plays a Vault), and in
// the nodes' files outside of where Kubernetes keeps Secrets.
func (l *Lab) FindLeaks(ctx context.Context) ([]Leak, error) {
	secrets := slices.Sorted(maps.Keys(l.secrets))
	var leaks []Leak
	look := func(where, text string) {
		for i, secret := range secrets {
			if strings.Contains(text, secret) {
				leaks = append(leaks, Leak{Secret: i, Where: where})
			}
		}
	}
	logs, err := l.Logs(ctx)
	if err != nil {
		return nil, err
	}
	for name, content := range logs {
		look("log "+name, content)
	}
	kinds, err := l.Cluster.Kubectl(ctx, "api-resources", "--verbs=list", "--output=name")
	if err != nil {
		return nil, err
	}
	for kind := range strings.FieldsSeq(kinds) {
		if kind == "secrets" || kind == "clustersecretstores.external-secrets.io" {
			continue
		}
		objects, err := l.Cluster.Kubectl(ctx, "get", kind, "--all-namespaces", "--output=yaml", "--show-managed-fields")
		if err != nil {
			return nil, err
		}
		look("objects "+kind, objects)
	}
	files, err := l.leaksOnNodes(ctx, secrets)
	return append(leaks, files...), err
}

// kept are where Kubernetes itself keeps Secrets on a node: etcd; volumes, in memory;
// the environment of containers, as the runtime was told it. Flux' copy of the Git
// repository is packed, and holds the store that plays a Vault.
var kept = []string{"/var/lib/etcd", "/var/lib/kubelet/pods", "/run/containerd", "/var/lib/containerd", "/proc", "/sys", "/dev"}

func (l *Lab) leaksOnNodes(ctx context.Context, secrets []string) ([]Leak, error) {
	nodes, err := l.Cluster.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	var leaks []Leak
	for _, node := range nodes {
		files, err := l.Cluster.FilesWith(ctx, node, secrets, kept)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			leaks = append(leaks, Leak{Secret: -1, Where: fmt.Sprintf("file %s on %s", file, node)})
		}
	}
	return leaks, nil
}
