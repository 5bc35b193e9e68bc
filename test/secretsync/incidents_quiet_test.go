package secretsync_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/internal/secretsync"
	"github.com/tazzo/rebirth/test/operator"
)

// secretReads returns the reads of single Secrets: those bring data. The lists and
// watches of Secrets are of metadata.
func (r *requests) secretReads() []string {
	return slices.DeleteFunc(r.all(), func(line string) bool {
		return !strings.HasPrefix(line, http.MethodGet) || !strings.Contains(line, "/secrets/")
	})
}

// lookAgain runs begin, which starts an instance or makes it lead, and returns once
// that instance has reconciled an export and an import.
func lookAgain(begin func()) {
	GinkgoHelper()
	exports, imports := reconciles("secretexport")(Default), reconciles("secretimport")(Default)
	begin()
	Eventually(reconciles("secretexport")).Should(BeNumerically(">", exports))
	Eventually(reconciles("secretimport")).Should(BeNumerically(">", imports))
}

var _ = Describe("Where nothing changed", func() {
	It("ten restarts write nothing, read no Secret and restart nothing (S4)", func(ctx context.Context) {
		l, log := rotated(ctx), &requests{}
		mirrored := versionOf(ctx, grafanaSecret)(Default)
		for range 10 {
			var again *instance
			lookAgain(func() { again = run(ctx, settings{wrap: log.wrap}) })
			Consistently(log.written).WithTimeout(300 * time.Millisecond).Should(BeEmpty())
			again.stop()
		}
		Expect(log.written()).To(BeEmpty())
		Expect(log.secretReads()).To(BeEmpty())
		Expect(versionOf(ctx, grafanaSecret)(Default)).To(Equal(mirrored))
		Expect(restartsOf(ctx, l.app)(Default)).To(BeEquivalentTo(1))

		By("the same notes show a change, when there is one")
		run(ctx, settings{wrap: log.wrap})
		Expect(l.cluster.Rotate(ctx, "grafana")).To(Succeed())
		l.converged(ctx)
		l.restarted(ctx, 2)
		Expect(log.written()).NotTo(BeEmpty())
		Expect(log.secretReads()).NotTo(BeEmpty())
	})

	It("a change of the leader writes nothing, reads no Secret and restarts nothing (S4)", func(ctx context.Context) {
		l := rotated(ctx)
		GinkgoT().Setenv(manager.NamespaceVariable, releaseNamespace)
		logs := []*requests{{}, {}}
		var leader *instance
		lookAgain(func() { leader = run(ctx, settings{wrap: logs[0].wrap, leaderElection: true}) })
		first := leaseHolder(ctx)(Default)
		run(ctx, settings{wrap: logs[1].wrap, leaderElection: true})
		lookAgain(leader.stop)
		Expect(leaseHolder(ctx)(Default)).NotTo(Equal(first))

		Consistently(logs[1].written).WithTimeout(time.Second).Should(BeEmpty())
		for _, log := range logs {
			Expect(log.written()).To(BeEmpty())
			Expect(log.secretReads()).To(BeEmpty())
		}
		Expect(restartsOf(ctx, l.app)(Default)).To(BeEquivalentTo(1))
	})
})

// rotated is a life after one rotation, whose instance has ended.
func rotated(ctx context.Context) life {
	GinkgoHelper()
	before := run(ctx, settings{})
	l := dayZero(ctx)
	Expect(l.cluster.Rotate(ctx, "grafana")).To(Succeed())
	l.converged(ctx)
	l.restarted(ctx, 1)
	before.stop()
	return l
}

func leaseHolder(ctx context.Context) func(Gomega) string {
	return func(g Gomega) string {
		lease := &coordinationv1.Lease{}
		g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: releaseNamespace, Name: secretsync.Name + "-leader-election"}, lease)).To(Succeed())
		g.Expect(lease.Spec.HolderIdentity).NotTo(BeNil())
		return *lease.Spec.HolderIdentity
	}
}

var _ = Describe("A Secret that PGO adopted", func() {
	It("restarts nothing when PGO fills its verifier (S5)", func(ctx context.Context) {
		run(ctx, settings{})
		l := life{grafana: grafana{cluster: newCluster("grafana"), export: anExport("grafana"), imp: anImport("grafana", restartAtOnce)}, app: aDeployment("grafana", grafanaSecret)}
		adopted := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: databaseNamespace, Name: grafanaSecret, Labels: map[string]string{
				operator.ClusterLabel: "tazlab-db", operator.RoleLabel: "pguser", operator.UserLabel: "grafana",
			}},
			Data: map[string][]byte{"password": []byte(canaryPassword("grafana"))},
		}
		Expect(admin.Create(ctx, adopted)).To(Succeed())
		Expect(l.cluster.Create(ctx, false)).To(Succeed())
		Expect(l.cluster.Initdb(ctx)).To(Succeed())
		create(ctx, l.export, l.imp)
		l.converged(ctx)
		Expect(l.password(ctx)).To(Equal(string(adopted.Data["password"])))
		deploy(ctx, l.app)
		mirrored := versionOf(ctx, grafanaSecret)(Default)

		By("its verifier is empty for a while")
		Expect(l.cluster.EditSecret(ctx, "grafana", func(data map[string][]byte) { data["verifier"] = nil })).To(Succeed())
		l.sawEverything(ctx)
		By("PGO fills it")
		Expect(l.cluster.React(ctx, "grafana")).To(BeTrue())
		l.sawEverything(ctx)

		Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(mirrored))
		Expect(restartsOf(ctx, l.app)(Default)).To(BeZero())
	})
})

// sawEverything waits until the export and the import have dealt with the source
// Secret as it is now.
func (g grafana) sawEverything(ctx context.Context) {
	GinkgoHelper()
	source, err := g.cluster.Secret(ctx, "grafana")
	Expect(err).NotTo(HaveOccurred())
	Eventually(func(o Gomega) {
		o.Expect(ready(ctx, g.export)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		o.Expect(g.export.Status.Revision).To(HavePrefix(source.ResourceVersion))
		o.Expect(ready(ctx, g.imp)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		o.Expect(g.imp.Status.Source.Revision).To(Equal(g.export.Status.Revision))
	}).Should(Succeed())
}
