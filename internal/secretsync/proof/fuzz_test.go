package proof

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
	"github.com/tazzo/rebirth/internal/secretsync/revision"
)

const canary = "c4n4ry-value"

// FuzzDecide looks for exports that the API server could hold and that make a
// decision panic, change what it was given, say a value, ask to look again in no
// time, or hand on a password that the database refuses.
func FuzzDecide(f *testing.F) {
	f.Add([]byte(`{"spec":{"source":{"postgresUser":{"cluster":"c","user":"u"}},"to":[{"namespace":"x"}]}}`), uint8(0), "")
	f.Add([]byte(`{"spec":{"source":{"secret":{"name":"s"}},"to":[{"namespaceSelector":{}}]},"status":{"verification":{"revision":"1","result":"NotApplicable"}}}`), uint8(1), "")
	f.Add([]byte(`{"spec":{"source":{"postgresUser":{"cluster":"c","user":"u"}},"verify":"Required","repair":"ReapplyVerifier"},"status":{"verification":{"revision":"1","database":"x","result":"PasswordRefused","since":"2026-03-01T09:00:00Z","refusedSince":"2026-03-01T09:00:00Z","lastAttempt":"2026-03-01T09:59:00Z","attempts":-7},"repair":{"database":"x","time":"2026-03-01T09:00:00Z"},"ca":"c"}}`), uint8(2), "md5")
	f.Add([]byte(`{"spec":{"source":{"postgresUser":{"cluster":"c","user":"u"}},"includeCA":false}}`), uint8(3), "SCRAM-SHA-256$1:$:")
	f.Fuzz(func(t *testing.T, raw []byte, answer uint8, verifier string) {
		export := &v1alpha1.SecretExport{}
		if strings.Contains(string(raw)+verifier, canary) || json.Unmarshal(raw, export) != nil {
			return
		}
		export.Namespace = "ns"
		facts := Facts{
			Now: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Export: export, Granted: true, CAGranted: true, ClusterKnown: true,
			Cluster:     &pgo.Cluster{Namespace: "ns", Name: "c", UID: "1", Users: "u", SystemIdentifier: "1", ReadyReplicas: 1, UsersRevision: "1"},
			SeenVersion: "1",
			Source: &Source{ResourceVersion: "1", Data: redact.Data{
				"host": []byte("h"), "port": []byte("1"), "user": []byte("u"), "password": []byte(canary), "verifier": []byte(verifier),
			}},
			CA: &CA{ResourceVersion: "1", PEM: "c"},
		}
		if export.Spec.Source.PostgresUser == nil {
			facts.Cluster = nil
		}
		before := export.DeepCopy()
		outcomes := []login.Outcome{login.Succeeded, login.PasswordRefused, login.Refused, login.Unreachable, login.TLSFailed}
		if LoginDue(facts) {
			facts.Login = &login.Result{Outcome: outcomes[int(answer)%len(outcomes)], Message: "m"}
		}
		plan := Decide(facts)
		switch {
		case !reflect.DeepEqual(before, export):
			t.Fatal("the facts were changed")
		case plan.Keep:
			return
		case strings.Contains(plan.Outcome.Message, canary) || plan.Outcome.Message == "" || plan.Outcome.Reason == "":
			t.Fatalf("bad message: %q %q", plan.Outcome.Reason, plan.Outcome.Message)
		case plan.RequeueAfter != 0 && plan.RequeueAfter < time.Second:
			t.Fatalf("looks again after %s", plan.RequeueAfter)
		case plan.Publish != nil && (revision.Source(plan.Publish.Revision) != "1" || facts.Login != nil && facts.Login.Outcome == login.PasswordRefused):
			t.Fatalf("publishes %q after %v", plan.Publish.Revision, facts.Login)
		}
	})
}
