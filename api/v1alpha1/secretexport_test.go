package v1alpha1_test

import (
	"encoding/json"
	"reflect"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("A SecretExport", func() {
	user := v1alpha1.ExportSource{PostgresUser: &v1alpha1.PostgresUserSource{Cluster: "tazlab-db", User: "grafana"}}
	secret := v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: "tls"}}
	yes, no := true, false

	DescribeTable("knows its Secret, and whether the CA goes with it",
		func(source v1alpha1.ExportSource, includeCA *bool, name string, includes bool) {
			export := &v1alpha1.SecretExport{Spec: v1alpha1.SecretExportSpec{Source: source, IncludeCA: includeCA}}
			Expect(export.SecretName()).To(Equal(name))
			Expect(export.IncludesCA()).To(Equal(includes))
		},
		Entry("a user's, as PGO names it", user, nil, "tazlab-db-pguser-grafana", true),
		Entry("a user's with the CA", user, &yes, "tazlab-db-pguser-grafana", true),
		Entry("a user's without", user, &no, "tazlab-db-pguser-grafana", false),
		Entry("any Secret", secret, nil, "tls", false),
		Entry("any Secret, which has no CA even if asked", secret, &yes, "tls", false),
		Entry("none", v1alpha1.ExportSource{}, nil, "", false),
	)

	It("and a SecretImport are known to a scheme, with their lists", func() {
		scheme := runtime.NewScheme()
		Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
		for _, kind := range []string{"SecretExport", "SecretExportList", "SecretImport", "SecretImportList"} {
			object, err := scheme.New(v1alpha1.GroupVersion.WithKind(kind))
			Expect(err).NotTo(HaveOccurred(), kind)
			Expect(object.DeepCopyObject()).To(Equal(object))
		}
	})

	It("and a SecretImport give out the conditions that they were given", func() {
		given := []metav1.Condition{{Type: "Ready"}}
		export, imp := &v1alpha1.SecretExport{}, &v1alpha1.SecretImport{}
		export.SetConditions(given)
		imp.SetConditions(given)
		Expect(export.GetConditions()).To(Equal(given))
		Expect(imp.GetConditions()).To(Equal(given))
	})
})

var _ = Describe("What is written as JSON", func() {
	DescribeTable("is read as it was",
		func(document string, into any) {
			Expect(json.Unmarshal([]byte(document), into)).To(Succeed())
			written, err := json.Marshal(into)
			Expect(err).NotTo(HaveOccurred())
			Expect(written).To(MatchJSON(document))
			again := reflect.New(reflect.TypeOf(into).Elem()).Interface()
			Expect(json.Unmarshal(written, again)).To(Succeed())
			Expect(again).To(Equal(into))
			Expect(into.(runtime.Object).DeepCopyObject()).To(Equal(into))
		},
		Entry("a whole export", `{
			"apiVersion": "rebirth.tazlab.net/v1alpha1", "kind": "SecretExport", "metadata": {"namespace": "tazlab-db", "name": "grafana"},
			"spec": {"source": {"postgresUser": {"cluster": "tazlab-db", "user": "grafana"}},
				"to": [{"namespace": "monitoring"}, {"namespaceSelector": {"matchLabels": {"a": "b"}}}],
				"keys": {"exclude": ["verifier"]}, "includeCA": false, "verify": "Required", "repair": "ReapplyVerifier", "onRevoke": "Delete", "suspend": true},
			"status": {"lastHandledReconcileAt": "x", "observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": "2026-03-01T10:00:00Z"}],
				"revision": "100.aabbccdd", "revisionTime": "2026-03-01T10:00:00Z", "ca": "c", "caResourceVersion": "90",
				"verification": {"revision": "100", "database": "d", "result": "LoginSucceeded", "since": "2026-03-01T10:00:00Z", "refusedSince": "2026-03-01T10:00:00Z", "lastAttempt": "2026-03-01T10:00:00Z", "attempts": 3},
				"repair": {"revision": "99", "database": "d", "time": "2026-03-01T10:00:00Z"}}}`, &v1alpha1.SecretExport{}),
		Entry("a whole import", `{
			"apiVersion": "rebirth.tazlab.net/v1alpha1", "kind": "SecretImport", "metadata": {"namespace": "monitoring", "name": "grafana-db"},
			"spec": {"from": {"namespace": "tazlab-db", "name": "grafana"},
				"target": {"name": "t", "keys": [{"from": "password", "to": "P"}, {"from": "user"}], "template": {"DSN": "{{ .user }}"}},
				"existing": "TakeOver", "externalSecret": {"name": "e", "method": "Freeze"},
				"restart": {"mode": "Listed", "workloads": [{"kind": "Deployment", "name": "grafana"}], "minInterval": "30s"}, "suspend": true},
			"status": {"observedGeneration": 2, "frozenExternalSecret": "e",
				"source": {"export": "tazlab-db/grafana", "namespaceUID": "u", "exportUID": "v", "exportGeneration": 1, "revision": "100", "onRevoke": "Retain"},
				"target": {"name": "t", "resourceVersion": "7", "changedAt": "2026-03-01T10:00:00Z"},
				"restart": {"handledUpTo": "2026-03-01T10:00:00Z", "last": [{"kind": "Deployment", "name": "grafana", "time": "2026-03-01T10:00:00Z"}]}}}`, &v1alpha1.SecretImport{}),
	)

	DescribeTable("tells no keys from an empty list of keys",
		func(document string, none bool) {
			imp := &v1alpha1.SecretImport{}
			Expect(json.Unmarshal([]byte(document), imp)).To(Succeed())
			Expect(imp.Spec.Target.Keys == nil).To(Equal(none))
			written, err := json.Marshal(imp.Spec.Target)
			Expect(err).NotTo(HaveOccurred())
			if none {
				Expect(written).To(MatchJSON(`{}`))
			} else {
				Expect(written).To(MatchJSON(`{"keys": []}`))
			}
			Expect(imp.DeepCopy()).To(Equal(imp))
		},
		Entry("no keys", `{"spec": {"target": {}}}`, true),
		Entry("an empty list", `{"spec": {"target": {"keys": []}}}`, false),
	)
})
