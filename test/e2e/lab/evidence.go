package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// answerTime is how long the API may take for an answer to evidence: it may be what
// fails, and the rest is to be had all the same.
const answerTime = 20 * time.Second

// evidence is a folder with what a person needs to understand a failure.
type evidence struct {
	lab    *Lab
	dir    string
	redact *strings.Replacer
}

// Evidence writes what a person needs to understand a failure into the folder: what the
// nodes say, which is there when no API is, all objects (Secrets without their values),
// and the logs of all containers. What is hidden is redacted wherever it stands. What
// can't be had is noted in the file that it would be in.
func (l *Lab) Evidence(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		return err
	}
	e := evidence{lab: l, dir: dir, redact: redactor(slices.Collect(maps.Keys(l.secrets)))}
	e.nodes(ctx)
	e.objects(ctx)
	e.logs(ctx)
	return nil
}

func (e evidence) write(name, content string, err error) {
	content = e.redact.Replace(orError(content, err))
	_ = os.WriteFile(filepath.Join(e.dir, name), []byte(content), 0o600) // the next one may succeed
}

// onNode are commands by the names of the files that take what they say. Static pods have
// files before there is an API to ask for their logs.
var onNode = map[string][]string{
	"journal":     {"journalctl", "--no-pager", "--lines=3000"},
	"containers":  {"crictl", "ps", "--all"},
	"kube-system": {"bash", "-c", "tail --lines=1000 /var/log/pods/kube-system_*/*/*.log"},
}

func (e evidence) nodes(ctx context.Context) {
	if e.lab.creation != nil {
		e.write("creation.txt", "", e.lab.creation)
	}
	nodes, err := e.lab.Cluster.Nodes(ctx)
	e.write("nodes.txt", strings.Join(nodes, "\n"), err)
	for _, node := range nodes {
		for _, name := range slices.Sorted(maps.Keys(onNode)) {
			out, err := e.lab.Cluster.OnNode(ctx, node, onNode[name]...)
			e.write(filepath.Join("logs", node+"."+name), out, err)
		}
		boot, err := e.lab.Cluster.Boot(ctx, node)
		e.write(filepath.Join("logs", node+".boot"), boot, err)
	}
}

func (e evidence) objects(ctx context.Context) {
	overview, err := e.kubectl(ctx, "get", "nodes,pods", "--all-namespaces", "--output=wide")
	e.write("overview.txt", overview, err)
	kinds, err := e.kubectl(ctx, "api-resources", "--verbs=list", "--output=name")
	e.write("kinds.txt", kinds, err)
	for kind := range strings.FieldsSeq(kinds) {
		if kind == "secrets" {
			out, err := e.secrets(ctx)
			e.write("secrets.json", out, err)
			continue
		}
		out, err := e.kubectl(ctx, "get", kind, "--all-namespaces", "--output=yaml", "--show-managed-fields=false")
		e.write(kind+".yaml", out, err)
	}
}

// kubectl asks several times before it despairs of an API.
func (e evidence) kubectl(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	return e.lab.Cluster.Kubectl(ctx, append(args, "--request-timeout="+answerTime.String())...)
}

// secrets are all Secrets with the lengths of their values.
func (e evidence) secrets(ctx context.Context) (string, error) {
	if e.lab.Client == nil {
		return "", errNoCluster
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var secrets corev1.SecretList
	if err := e.lab.Client.List(ctx, &secrets); err != nil {
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

func (e evidence) logs(ctx context.Context) {
	logs, err := e.lab.logs(ctx, e.kubectl)
	e.write("logs.txt", "", err)
	for name, content := range logs {
		e.write(filepath.Join("logs", name), content, nil)
	}
}

// kubectl runs with these arguments.
type kubectl func(ctx context.Context, args ...string) (string, error)

// Logs of all containers, of their former runs too, by "namespace_pod_container.log".
func (l *Lab) Logs(ctx context.Context) (map[string]string, error) {
	return l.logs(ctx, l.Cluster.Kubectl)
}

var errNoCluster = errors.New("no cluster came up")

func (l *Lab) logs(ctx context.Context, run kubectl) (map[string]string, error) {
	if l.Client == nil {
		return nil, errNoCluster
	}
	listing, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var pods corev1.PodList
	if err := l.Client.List(listing, &pods); err != nil {
		return nil, err
	}
	logs := map[string]string{}
	for i := range pods.Items {
		maps.Copy(logs, podLogs(ctx, run, &pods.Items[i]))
	}
	return logs, nil
}

func podLogs(ctx context.Context, run kubectl, pod *corev1.Pod) map[string]string {
	logs := map[string]string{}
	for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		name := strings.Join([]string{pod.Namespace, pod.Name, status.Name}, "_")
		arguments := []string{"logs", "--namespace", pod.Namespace, pod.Name, "--container", status.Name}
		out, err := run(ctx, arguments...)
		logs[name+".log"] = orError(out, err)
		if status.RestartCount > 0 {
			out, err = run(ctx, append(arguments, "--previous")...)
			logs[name+".previous.log"] = orError(out, err)
		}
	}
	return logs
}

func orError(out string, err error) string {
	if err != nil {
		return out + "\n" + err.Error() + "\n"
	}
	return out
}
