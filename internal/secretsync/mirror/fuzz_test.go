package mirror

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

const canary = "c4n4ry-value"

// FuzzTemplate looks for templates that panic, take long, render too much, or
// whose errors quote a value.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"", "{{ .password }}", "{{ .password | urlquery }}", `{{ index . "ca.crt" }}`, "{{ .nothing }}",
		`{{ printf "%q%s" .password .user }}`, "{{ call .password }}", "{{ range . }}{{ end }}", `{{ define "OUT" }}{{ template "OUT" }}{{ end }}`,
		"{{ slice .password 1 99 }}", "{{ eq .password 1 }}", "{{ .password.x }}", "{{ if lt .user .password }}{{ len . }}{{ else }}{{ . }}{{ end }}",
		"{{ $x := .password }}{{ $x = print $x $x }}{{ js $x }}", "{{ with $y := .user }}{{ break }}{{ end }}", "{{ index .password 1 }}",
	} {
		f.Add(seed)
	}
	values := map[string]string{"password": canary, "user": "grafana", "ca.crt": strings.Repeat(canary, 1000), "lure": `map has no entry for key "` + canary + `"`}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 || strings.Contains(text, canary) { // the first is what the CRD allows
			return
		}
		begin := time.Now()
		parsed, err := parseTemplate("OUT", text)
		said, out := "", []byte(nil)
		if err != nil {
			said = err.Error()
		} else if rendered, refused := execute(parsed, values, []string{"ca.crt", "password", "user"}, &budget{work: maxWork, room: maxSecretSize}); refused != nil {
			said = refused.message
		} else {
			out = rendered
		}
		if elapsed := time.Since(begin); elapsed > 2*time.Second {
			t.Fatalf("took %s", elapsed)
		}
		if len(out) > maxSecretSize {
			t.Fatalf("rendered %d bytes", len(out))
		}
		if said != "" && (strings.Contains(said, canary) || !strings.HasPrefix(said, `spec.target.template["OUT"]`)) {
			t.Fatalf("bad error: %s", said)
		}
	})
}

// FuzzDecide looks for imports and exports that the API server could hold and that
// make a decision panic, change what it was given, or say a value.
func FuzzDecide(f *testing.F) {
	f.Add([]byte(`{"spec":{"from":{"namespace":"db","name":"e"}}}`), []byte(`{"spec":{"source":{"secret":{"name":"s"}},"to":[{"namespace":"ns"}]}}`), true)
	f.Add([]byte(`{"spec":{"from":{"namespace":"db","name":"e"},"existing":"TakeOver","externalSecret":{"method":"Freeze"},"target":{"keys":[],"template":{"a":"{{ .password }}"}}},"status":{"observedGeneration":0,"source":{"export":"db/e"},"target":{"name":"t","resourceVersion":"1"},"frozenExternalSecret":"x"}}`),
		[]byte(`{"spec":{"source":{"postgresUser":{"cluster":"c","user":"u"}},"to":[{"namespaceSelector":{"matchExpressions":[{"key":"a","operator":"Exists"}]}}],"keys":{"exclude":["x"]},"onRevoke":"Delete"},"status":{"revision":"1.ab","ca":"x","conditions":[{"type":"Ready","status":"True"}]}}`), true)
	f.Add([]byte(`{"spec":{"from":{"namespace":"db","name":"e"},"target":{"name":"t","keys":[{"from":"password","to":"b"},{"from":"x"}]}},"status":{"source":{"export":"db/e","onRevoke":"Delete"},"target":{"name":"t"}}}`), []byte(`null`), false)
	f.Fuzz(func(t *testing.T, rawImport, rawExport []byte, taken bool) {
		imp, export := &v1alpha1.SecretImport{}, &v1alpha1.SecretExport{}
		if strings.Contains(string(rawImport)+string(rawExport), canary) || json.Unmarshal(rawImport, imp) != nil || json.Unmarshal(rawExport, &export) != nil {
			return
		}
		imp.Namespace, imp.Name = "ns", "i"
		facts := Facts{
			Now: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Import: imp, Granted: true,
			Namespace: Namespace{Name: "ns", Labels: map[string]string{"a": "b"}}, Export: export,
			Source: &Source{ResourceVersion: "1", Data: redact.Data{"password": []byte(canary), "empty": nil}},
		}
		target := TargetName(imp, export)
		if taken {
			secret := &corev1.Secret{Data: map[string][]byte{"password": []byte("old")}}
			secret.Namespace, secret.Name, secret.Annotations = "ns", target, imp.Annotations
			facts.Target, facts.SeenVersion = NewLive(secret), "1"
		}
		if name := ExternalSecretName(imp, target); name != "" {
			facts.External = &externalsecret.External{Namespace: "ns", Name: name, Served: true, Exists: taken, TargetName: target}
		}
		before := [2]any{imp.DeepCopy(), export.DeepCopy()}
		_, _, plan := NeedsSecrets(facts), NeedsTarget(facts), Decide(facts)
		if !reflect.DeepEqual(before, [2]any{imp, export}) {
			t.Fatal("the facts were changed")
		}
		if strings.Contains(plan.Outcome.Message, canary) || plan.Outcome.Message == "" || plan.Outcome.Reason == "" {
			t.Fatalf("bad message: %q %q", plan.Outcome.Reason, plan.Outcome.Message)
		}
	})
}
