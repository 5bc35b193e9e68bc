package gate

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/readiness/render"
	"github.com/tazzo/rebirth/test/demo/show"
)

// keyIsHidden looks for the key that controller and agents share in what they write.
func (a *Act) keyIsHidden(ctx context.Context) (show.Check, error) {
	secret, report := &corev1.Secret{}, &corev1.ConfigMap{}
	if err := a.stage.Admin.Get(ctx, client.ObjectKey{Namespace: ownName, Name: ownName + "-agent-key"}, secret); err != nil {
		return show.Check{}, err
	}
	if err := a.stage.Admin.Get(ctx, client.ObjectKey{Namespace: verdictKey.Namespace, Name: verdictKey.Name + render.ReportSuffix}, report); err != nil {
		return show.Check{}, err
	}
	logs, err := filepath.Glob(filepath.Join(a.stage.Logs, "readiness-*.jsonl"))
	if err != nil {
		return show.Check{}, err
	}
	_, shown := a.stage.Recorder.Outcome()
	all := []byte(shown + report.String())
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if err != nil {
			return show.Check{}, err
		}
		all = append(all, content...)
	}
	return hidden(secret.Data["key"], all, fmt.Sprintf("the %d logs of controller and agents, the report, this output", len(logs))), nil
}

// hidden holds if the key appears nowhere, as it is or in base64.
func hidden(key, content []byte, where string) show.Check {
	switch {
	case len(key) == 0:
		return show.Check{Text: "there is no agents' key to look for"}
	case bytes.Contains(content, key), bytes.Contains(content, []byte(base64.StdEncoding.EncodeToString(key))):
		return show.Check{Text: "the agents' key appears in " + where}
	}
	return show.Check{OK: true, Text: "the agents' key is not in " + where}
}
