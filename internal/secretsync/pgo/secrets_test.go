package pgo_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/internal/secretsync/pgo"
)

var _ = Describe("CASecret", func() {
	DescribeTable("names the Secret and the key of the CA",
		func(spec, name, key string) {
			gotName, gotKey := pgo.Project(decode(fmt.Sprintf(`{"metadata": {"name": "db"}, "spec": {%s}}`, spec))).CASecret()
			Expect([]string{gotName, gotKey}).To(Equal([]string{name, key}))
		},
		Entry("PGO's own", ``, "db-cluster-cert", "ca.crt"),
		Entry("a custom one", `"customTLSSecret": {"name": "mine"}`, "mine", "ca.crt"),
		Entry("a custom one under another key",
			`"customTLSSecret": {"name": "mine", "items": [{"key": "tls", "path": "tls.crt"}, {"key": "root", "path": "ca.crt"}]}`,
			"mine", "root"),
		Entry("a custom one that leaves it out",
			`"customTLSSecret": {"name": "mine", "items": [{"key": "ca.crt", "path": "other"}]}`, "mine", ""),
	)
})

var _ = Describe("Owned", func() {
	yes := true
	owner := func(change func(*metav1.OwnerReference)) metav1.Object {
		reference := metav1.OwnerReference{
			APIVersion: "postgres-operator.crunchydata.com/v1beta1", Kind: "PostgresCluster",
			Name: "tazlab-db", UID: "u1", Controller: &yes,
		}
		change(&reference)
		return &metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{reference}}
	}

	DescribeTable("accepts the cluster's own Secret",
		func(apiVersion string) {
			culprit, ok := pgo.Owned(owner(func(r *metav1.OwnerReference) { r.APIVersion = apiVersion }), reborn())
			Expect(ok).To(BeTrue())
			Expect(culprit).To(BeEmpty())
		},
		Entry("of v1beta1", "postgres-operator.crunchydata.com/v1beta1"),
		Entry("of v1, which PGO 6 serves too", "postgres-operator.crunchydata.com/v1"),
	)

	It("refuses a decoy that carries only PGO's labels", func() {
		decoy := &metav1.ObjectMeta{Labels: map[string]string{
			"postgres-operator.crunchydata.com/cluster": "tazlab-db",
			"postgres-operator.crunchydata.com/role":    "pguser",
			"postgres-operator.crunchydata.com/pguser":  "grafana",
		}}
		culprit, ok := pgo.Owned(decoy, reborn())
		Expect(ok).To(BeFalse())
		Expect(culprit).To(Equal("no controller owns it"))
	})

	It("refuses whatever names no UID, even for a cluster that has none", func() {
		_, ok := pgo.Owned(owner(func(r *metav1.OwnerReference) { r.UID = "" }), pgo.Cluster{Name: "tazlab-db"})
		Expect(ok).To(BeFalse())
	})

	DescribeTable("refuses and says whose it is",
		func(change func(*metav1.OwnerReference), message string) {
			culprit, ok := pgo.Owned(owner(change), reborn())
			Expect(ok).To(BeFalse())
			Expect(culprit).To(ContainSubstring(message))
		},
		Entry("an owner that is no controller", func(r *metav1.OwnerReference) { r.Controller = nil }, "no controller"),
		Entry("another kind", func(r *metav1.OwnerReference) { r.Kind = "ExternalSecret" }, "ExternalSecret tazlab-db"),
		Entry("another group", func(r *metav1.OwnerReference) { r.APIVersion = "example.com/v1beta1" }, "example.com"),
		Entry("another cluster", func(r *metav1.OwnerReference) { r.Name = "other" }, "PostgresCluster other"),
		Entry("a former life", func(r *metav1.OwnerReference) { r.UID = "u0" }, "earlier PostgresCluster tazlab-db (UID u0, now u1)"),
		Entry("no UID", func(r *metav1.OwnerReference) { r.UID = "" }, "earlier"),
	)

	DescribeTable("tells a Secret of a former life, which the garbage collector removes, from a decoy",
		func(change func(*metav1.OwnerReference), orphaned bool) {
			Expect(pgo.Orphaned(owner(change), reborn())).To(Equal(orphaned))
		},
		Entry("a former life", func(r *metav1.OwnerReference) { r.UID = "u0" }, true),
		Entry("the cluster's own", func(*metav1.OwnerReference) {}, false),
		Entry("no UID", func(r *metav1.OwnerReference) { r.UID = "" }, false),
		Entry("another cluster", func(r *metav1.OwnerReference) { r.Name, r.UID = "other", "u0" }, false),
		Entry("another kind", func(r *metav1.OwnerReference) { r.Kind, r.UID = "ExternalSecret", "u0" }, false),
		Entry("no controller", func(r *metav1.OwnerReference) { r.Controller = nil }, false),
	)
})

var _ = Describe("Complete", func() {
	It("is satisfied without a verifier (S5)", func() {
		Expect(pgo.Complete(map[string][]byte{
			"host": []byte("h"), "port": []byte("1"), "user": []byte("u"), "password": []byte("p"), "verifier": nil,
		})).To(BeEmpty())
	})

	It("names what is absent or empty", func() {
		Expect(pgo.Complete(map[string][]byte{"host": []byte("h"), "password": {}})).
			To(Equal([]string{"port", "user", "password"}))
		Expect(pgo.Complete(nil)).To(Equal([]string{"host", "port", "user", "password"}))
	})
})
