package mirror_test

import (
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
	"github.com/tazzo/rebirth/internal/secretsync/revision"
)

const (
	password   = "canary-pässword"
	sourceName = "tazlab-db-pguser-grafana"
	ca         = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
)

// now is not a whole second, as no clock's is.
var now = time.Date(2026, 3, 1, 10, 0, 0, 7e8, time.UTC)

// at is a whole second, seconds after the one of now.
func at(seconds int) time.Time {
	return now.Truncate(time.Second).Add(time.Duration(seconds) * time.Second)
}

// facts are those of the first reconcile of an import that is served: its export
// is ready, and no Secret stands in the mirror's place.
func facts(edits ...func(*mirror.Facts)) mirror.Facts {
	f := mirror.Facts{
		Now:             now,
		Import:          grafanaImport(),
		Namespace:       mirror.Namespace{Name: "monitoring", UID: "ns-monitoring"},
		Granted:         true,
		Export:          grafanaExport(),
		ExportNamespace: mirror.Namespace{Name: "tazlab-db", UID: "ns-tazlab-db"},
		Source: &mirror.Source{ResourceVersion: "100", ChangedAt: at(-3), Type: corev1.SecretTypeOpaque, Data: redact.Data{
			"host": []byte("tazlab-db-primary.tazlab-db.svc"), "port": []byte("5432"), "dbname": []byte("grafana"),
			"user": []byte("grafana"), "password": []byte(password), "verifier": []byte("SCRAM-SHA-256$canary"),
		}},
	}
	for _, edit := range edits {
		edit(&f)
	}
	return f
}

// created has the import be made so many seconds after the second of now.
func created(seconds int) func(*mirror.Facts) {
	return func(f *mirror.Facts) { f.Import.CreationTimestamp = metav1.NewTime(at(seconds)) }
}

func grafanaImport() *v1alpha1.SecretImport {
	return &v1alpha1.SecretImport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "monitoring", Name: "grafana-db", UID: "import-1", Generation: 1},
		Spec: v1alpha1.SecretImportSpec{
			From:     v1alpha1.ExportReference{Namespace: "tazlab-db", Name: "grafana"},
			Existing: v1alpha1.ExistingRefuse,
		},
		Status: v1alpha1.SecretImportStatus{ObservedGeneration: -1},
	}
}

func grafanaExport() *v1alpha1.SecretExport {
	export := &v1alpha1.SecretExport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tazlab-db", Name: "grafana", UID: "export-1", Generation: 1},
		Spec: v1alpha1.SecretExportSpec{
			Source:   v1alpha1.ExportSource{PostgresUser: &v1alpha1.PostgresUserSource{Cluster: "tazlab-db", User: "grafana"}},
			To:       []v1alpha1.ExportDestination{{Namespace: "monitoring"}},
			OnRevoke: v1alpha1.RevokeRetain,
		},
		Status: v1alpha1.SecretExportStatus{ObservedGeneration: 1, CA: ca, Revision: revision.New("100", ca)},
	}
	outcome.Outcome{Class: outcome.Ready, Reason: "Succeeded", Message: "may be mirrored"}.Set(export)
	return export
}

// settled are the facts after the plan for f was carried out and reported, with
// the mirror at version 200.
func settled(f mirror.Facts) mirror.Facts {
	plan := mirror.Decide(f)
	Expect(plan.InOrder).To(BeTrue(), "%s", plan.Outcome.Message)
	live := plan.Mirror.Secret().DeepCopy()
	live.ResourceVersion = "200"
	f.Import = f.Import.DeepCopy()
	f.Import.Status = v1alpha1.SecretImportStatus{
		ObservedGeneration: f.Import.Generation,
		Source: &v1alpha1.ImportSourceStatus{
			Export: "tazlab-db/grafana", NamespaceUID: f.ExportNamespace.UID,
			ExportUID: string(f.Export.UID), ExportGeneration: f.Export.Generation,
			Revision: f.Export.Status.Revision, OnRevoke: f.Export.Spec.OnRevoke,
		},
		Target: &v1alpha1.ImportTargetStatus{Name: live.Name, ResourceVersion: "200", Generation: f.Import.Generation},
	}
	if newest := plan.Changed.Newest(); !newest.IsZero() {
		f.Import.Status.Target.ChangedAt = &metav1.Time{Time: newest}
	}
	if plan.Frozen != nil {
		f.Import.Status.FrozenExternalSecret = *plan.Frozen
	}
	plan.Outcome.Set(f.Import)
	f.Target, f.SeenVersion = mirror.NewLive(live), "200"
	return f
}

// after are settled facts at a later time, edited.
func after(seconds int, edits ...func(*mirror.Facts)) mirror.Facts {
	f := settled(facts())
	f.Now = at(seconds)
	for _, edit := range edits {
		edit(&f)
	}
	return f
}

// rotated gives the source another password, which the export has proven.
func rotated(to string) func(*mirror.Facts) {
	return func(f *mirror.Facts) {
		data := redact.Data{}
		for key, value := range f.Source.Data {
			data[key] = value
		}
		data["password"] = []byte(to)
		f.Source = &mirror.Source{ResourceVersion: "101", Type: f.Source.Type, Data: data}
		f.Export.Status.Revision = revision.New("101", ca)
	}
}

// existing puts a Secret of the target's name into the namespace.
func existing(edits ...func(*corev1.Secret)) func(*mirror.Facts) {
	return func(f *mirror.Facts) {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "monitoring", Name: sourceName, UID: "secret-1", ResourceVersion: "50"},
			Data:       map[string][]byte{"password": []byte("theirs")},
			Type:       corev1.SecretTypeOpaque,
		}
		for _, edit := range edits {
			edit(secret)
		}
		f.Target, f.SeenVersion = mirror.NewLive(secret), secret.ResourceVersion
	}
}

func policy(p v1alpha1.ExistingPolicy) func(*mirror.Facts) {
	return func(f *mirror.Facts) { f.Import.Spec.Existing, f.Import.Spec.Target.Name = p, sourceName }
}

func source(data redact.Data) func(*mirror.Facts) {
	return func(f *mirror.Facts) { f.Source.Data = data }
}

func keys(mappings ...v1alpha1.KeyMapping) func(*mirror.Facts) {
	return func(f *mirror.Facts) { f.Import.Spec.Target.Keys = mappings }
}

func templates(of map[string]v1alpha1.TemplateText) func(*mirror.Facts) {
	return func(f *mirror.Facts) { f.Import.Spec.Target.Template = of }
}

// filter has the export give away only some keys.
func filter(k *v1alpha1.KeyFilter) func(*mirror.Facts) {
	return func(f *mirror.Facts) { f.Export.Spec.Keys = k }
}

// condition is what the plan says about one condition type.
func condition(plan mirror.Plan, of string) outcome.Condition {
	var found outcome.Condition
	for _, c := range plan.Outcome.Conditions {
		if c.Type == of {
			found = c
		}
	}
	return found
}

// data of the mirror that the plan writes, as text.
func data(plan mirror.Plan) map[string]string {
	Expect(plan.Mirror).NotTo(BeNil(), "%s", plan.Outcome.Message)
	out := map[string]string{}
	for key, value := range plan.Mirror.Secret().Data {
		out[key] = string(value)
	}
	return out
}

// expectRefusal checks that the plan writes nothing, and what it says.
func expectRefusal(plan mirror.Plan, class outcome.Class, reason string, words ...string) {
	Expect(plan.Action).To(Equal(mirror.Leave))
	Expect(plan.Mirror).To(BeNil())
	Expect(plan.InOrder).To(BeFalse())
	Expect(plan.Keep).To(BeFalse())
	Expect(plan.Outcome.Class).To(Equal(class))
	Expect(plan.Outcome.Reason).To(Equal(reason))
	for _, word := range words {
		Expect(plan.Outcome.Message).To(ContainSubstring(word))
	}
	Expect(plan.Outcome.Message).NotTo(ContainSubstring("canary"))
	Expect(condition(plan, v1alpha1.SyncedCondition)).To(Equal(outcome.False(v1alpha1.SyncedCondition, reason, plan.Outcome.Message)))
}

// notReady takes the export's Ready away, as a reborn source does.
func notReady(message string) func(*mirror.Facts) {
	return func(f *mirror.Facts) {
		outcome.Outcome{Class: outcome.Waiting, Reason: v1alpha1.RestoringReason, Message: message}.Set(f.Export)
	}
}
