package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/test/canary"
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
			if canary.In(text, secret) {
				leaks = append(leaks, Leak{Secret: i, Where: where})
			}
		}
	}
	logs, err := l.Logs(ctx)
	if err != nil {
		return nil, err
	}
	l.deletedMu.Lock()
	maps.Copy(logs, l.deleted)
	l.deletedMu.Unlock()
	for name, content := range logs {
		look("log "+name, content)
	}
	objects, err := l.objects(ctx)
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		look(object.where, object.text)
	}
	files, err := l.leaksOnNodes(ctx, secrets)
	return append(leaks, files...), err
}

type object struct{ where, text string }

// objects are all but Secrets, and the store that plays a Vault.
func (l *Lab) objects(ctx context.Context) ([]object, error) {
	listed, err := l.Cluster.Kubectl(ctx, "api-resources", "--verbs=list", "--output=name")
	if err != nil {
		return nil, err
	}
	kinds := slices.DeleteFunc(strings.Fields(listed), func(kind string) bool {
		return kind == "secrets" || kind == "clustersecretstores.external-secrets.io"
	})
	out, err := l.Cluster.Kubectl(ctx, "get", strings.Join(kinds, ","), "--all-namespaces", "--output=json", "--show-managed-fields")
	if err != nil {
		return nil, err
	}
	var all struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return nil, err
	}
	var objects []object
	for _, item := range all.Items {
		var o metav1.PartialObjectMetadata
		if err := json.Unmarshal(item, &o); err != nil {
			return nil, err
		}
		objects = append(objects, object{where: fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name), text: string(item)})
	}
	return objects, nil
}

// DeletePod deletes a pod whose logs FindLeaks still searches.
func (l *Lab) DeletePod(ctx context.Context, pod *corev1.Pod) error {
	logs := podLogs(ctx, l.Cluster.Kubectl, pod)
	l.deletedMu.Lock()
	maps.Copy(l.deleted, logs)
	l.deletedMu.Unlock()
	return l.Client.Delete(ctx, pod)
}

// kept are where Kubernetes itself keeps Secrets on a node: etcd, and the environment
// of containers, as the runtime was told it. Volumes of Secrets are mounts of their
// own, in memory, and are not searched. Flux unpacks the Git repository, with the store
// that plays a Vault, for moments; what it keeps is packed.
var kept = []string{"/var/lib/etcd", "/run/containerd", "/var/lib/containerd/io.containerd.metadata.v1.bolt",
	"/var/lib/kubelet/pods/*/volumes/kubernetes.io~empty-dir/working-copies", "/proc", "/sys", "/dev"}

func (l *Lab) leaksOnNodes(ctx context.Context, secrets []string) ([]Leak, error) {
	nodes, err := l.Cluster.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	var forms []string
	for _, secret := range secrets {
		forms = append(forms, canary.Forms(secret)...)
	}
	found := make([][]string, len(nodes))
	searches, searching := errgroup.WithContext(ctx)
	for i, node := range nodes {
		searches.Go(func() (err error) {
			found[i], err = l.Cluster.FilesWith(searching, node, forms, kept)
			return err
		})
	}
	if err := searches.Wait(); err != nil {
		return nil, err
	}
	var leaks []Leak
	for i, node := range nodes {
		for _, file := range found[i] {
			leaks = append(leaks, Leak{Secret: -1, Where: fmt.Sprintf("file %s on %s", file, node)})
		}
	}
	return leaks, nil
}
