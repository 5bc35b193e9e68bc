package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Evidence writes what a person needs to understand a failure into the folder: all
// objects (Secrets without their values), the logs of all containers, and of the
// nodes. What can't be had is noted in the file that it would be in.
func (l *Lab) Evidence(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		return err
	}
	write := func(name, content string, err error) {
		if err != nil {
			content += "\n" + err.Error() + "\n"
		}
		_ = os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600) // the next one may succeed
	}
	kinds, err := l.Cluster.Kubectl(ctx, "api-resources", "--verbs=list", "--output=name")
	write("kinds.txt", kinds, err)
	for kind := range strings.FieldsSeq(kinds) {
		if kind == "secrets" {
			out, err := l.redactedSecrets(ctx)
			write("secrets.json", out, err)
			continue
		}
		out, err := l.Cluster.Kubectl(ctx, "get", kind, "--all-namespaces", "--output=yaml", "--show-managed-fields=false")
		write(kind+".yaml", out, err)
	}
	overview, err := l.Cluster.Kubectl(ctx, "get", "nodes,pods", "--all-namespaces", "--output=wide")
	write("overview.txt", overview, err)
	logs, err := l.Logs(ctx)
	write("logs.txt", "", err)
	for name, content := range logs {
		write(filepath.Join("logs", name), content, nil)
	}
	nodes, err := l.Cluster.Nodes(ctx)
	write("nodes.txt", strings.Join(nodes, "\n"), err)
	for _, node := range nodes {
		out, err := l.Cluster.OnNode(ctx, node, "journalctl", "--no-pager", "--lines=3000")
		write(filepath.Join("logs", node+".journal"), out, err)
	}
	return nil
}

// redactedSecrets are all Secrets with the lengths of their values.
func (l *Lab) redactedSecrets(ctx context.Context) (string, error) {
	var secrets corev1.SecretList
	if err := l.Client.List(ctx, &secrets); err != nil {
		return "", err
	}
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		secret.ManagedFields = nil
		secret.StringData = map[string]string{}
		for key, value := range secret.Data {
			secret.StringData[key] = fmt.Sprintf("[redacted, %d bytes]", len(value))
		}
		secret.Data = nil
	}
	out, err := json.MarshalIndent(secrets.Items, "", "  ")
	return string(out), err
}

// Logs of all containers, of their former runs too, by "namespace_pod_container.log".
func (l *Lab) Logs(ctx context.Context) (map[string]string, error) {
	var pods corev1.PodList
	if err := l.Client.List(ctx, &pods); err != nil {
		return nil, err
	}
	logs := map[string]string{}
	for i := range pods.Items {
		pod := &pods.Items[i]
		for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
			name := strings.Join([]string{pod.Namespace, pod.Name, status.Name}, "_")
			arguments := []string{"logs", "--namespace", pod.Namespace, pod.Name, "--container", status.Name}
			out, err := l.Cluster.Kubectl(ctx, arguments...)
			logs[name+".log"] = orError(out, err)
			if status.RestartCount > 0 {
				out, err = l.Cluster.Kubectl(ctx, append(arguments, "--previous")...)
				logs[name+".previous.log"] = orError(out, err)
			}
		}
	}
	return logs, nil
}

func orError(out string, err error) string {
	if err != nil {
		return out + "\n" + err.Error() + "\n"
	}
	return out
}
