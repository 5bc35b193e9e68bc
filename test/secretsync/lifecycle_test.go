package secretsync_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/internal/secretsync"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/pglogin"
)

var _ = Describe("An installation", func() {
	It("is installed, upgraded and removed by Helm, and leaves mirrors, exports and imports in place", func(ctx context.Context) {
		const release = "helm-system"
		helm(ctx, chartValues(), "upgrade", "--install", "by-helm", chartDir, "--namespace", release, "--create-namespace")
		DeferCleanup(func(ctx context.Context) { _, _ = plane.Helm(ctx, "uninstall", "by-helm", "--namespace", release) })
		config, err := plane.ServiceAccountConfig(ctx, release, "by-helm-secret-sync")
		Expect(err).NotTo(HaveOccurred())
		instance := run(ctx, settings{config: config})
		g := mirroredGrafana(ctx)
		reader := consumer(ctx, "reader", grafanaSecret, 0)
		version := versionOf(ctx, grafanaSecret)(Default)

		By("an upgrade with other values, during which another process takes over")
		values := chartValues()
		values["replicas"], values["podDisruptionBudget"] = 2, map[string]any{"enabled": true}
		helm(ctx, values, "upgrade", "--install", "by-helm", chartDir, "--namespace", release)
		deployment := &appsv1.Deployment{}
		Expect(admin.Get(ctx, client.ObjectKey{Namespace: release, Name: "by-helm-secret-sync"}, deployment)).To(Succeed())
		Expect(deployment.Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))
		instance.stop()
		log := &requests{}
		instance = run(ctx, settings{config: config, wrap: log.wrap})
		Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(version))
		Expect(log.written()).To(BeEmpty())
		Expect(restartsOf(ctx, reader)(Default)).To(BeZero())

		By("the removal")
		instance.stop()
		_, err = plane.Helm(ctx, "uninstall", "by-helm", "--namespace", release, "--wait")
		Expect(err).NotTo(HaveOccurred())
		Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKey{Name: "by-helm-secret-sync"}, &rbacv1.ClusterRole{}))).To(BeTrue())
		Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(version))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(g.export), g.export)).To(Succeed())
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(g.imp), g.imp)).To(Succeed())
	})

	It("leaves a Secret to its consumers when an import is deleted with --cascade=orphan", func(ctx context.Context) {
		run(ctx, settings{})
		g := mirroredGrafana(ctx)
		data := secretNamed(ctx, grafanaSecret)(Default).Data
		Expect(admin.Delete(ctx, g.imp, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		Eventually(func(o Gomega) {
			orphan := secretNamed(ctx, grafanaSecret)(o)
			o.Expect(orphan.OwnerReferences).To(BeEmpty())
			o.Expect(orphan.Data).To(Equal(data))
		}).Should(Succeed())
		Eventually(func() bool { return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(g.imp), g.imp)) }).Should(BeTrue())
		version := versionOf(ctx, grafanaSecret)(Default)
		Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(version))

		By("another import adopting it")
		again := anImport("grafana", targeted(grafanaSecret), func(imp *v1alpha1.SecretImport) { imp.Spec.Existing = v1alpha1.ExistingAdopt })
		create(ctx, again)
		Eventually(ready(ctx, again)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		Expect(secretNamed(ctx, grafanaSecret)(Default).OwnerReferences).To(ConsistOf(HaveField("UID", again.UID)))
	})

	DescribeTable("does nothing about what is suspended, and catches up when it isn't any more", func(ctx context.Context, suspend func(context.Context, grafana, bool)) {
		run(ctx, settings{})
		g := mirroredGrafana(ctx)
		version := versionOf(ctx, grafanaSecret)(Default)
		suspend(ctx, g, true)
		Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
		Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(version))
		suspend(ctx, g, false)
		g.expectMirrored(ctx)
	},
		Entry("an export", func(ctx context.Context, g grafana, suspended bool) {
			update(ctx, g.export, func(e *v1alpha1.SecretExport) { e.Spec.Suspend = suspended })
		}),
		Entry("an import", func(ctx context.Context, g grafana, suspended bool) {
			update(ctx, g.imp, func(i *v1alpha1.SecretImport) { i.Spec.Suspend = suspended })
		}),
	)

	It("reconciles on request, proves anew, and says which request it answered", func(ctx context.Context) {
		try, logins := counted(pglogin.Try)
		run(ctx, settings{login: try})
		g := mirroredGrafana(ctx)
		version, before := versionOf(ctx, grafanaSecret)(Default), logins()

		update(ctx, g.export, func(e *v1alpha1.SecretExport) {
			e.Annotations = map[string]string{meta.ReconcileRequestAnnotation: "first"}
		})
		Eventually(func() string { ready(ctx, g.export)(Default); return g.export.Status.LastHandledReconcileAt }).Should(Equal("first"))
		Expect(logins()).To(Equal(before + 1))
		update(ctx, g.imp, func(i *v1alpha1.SecretImport) {
			i.Annotations = map[string]string{meta.ReconcileRequestAnnotation: "second"}
		})
		Eventually(func() string { ready(ctx, g.imp)(Default); return g.imp.Status.LastHandledReconcileAt }).Should(Equal("second"))
		Consistently(logins).Should(Equal(before + 1))
		Expect(versionOf(ctx, grafanaSecret)(Default)).To(Equal(version))
	})

	Context("with two replicas", func() {
		BeforeEach(func() {
			Expect(os.Setenv(manager.NamespaceVariable, releaseNamespace)).To(Succeed())
			DeferCleanup(os.Unsetenv, manager.NamespaceVariable)
		})

		It("goes on at the next one when the leader stops, and writes nothing for that", func(ctx context.Context) {
			leader := run(ctx, settings{leaderElection: true})
			g := mirroredGrafana(ctx)
			reader := consumer(ctx, "reader", grafanaSecret, 0)
			version := versionOf(ctx, grafanaSecret)(Default)
			log := &requests{}
			run(ctx, settings{leaderElection: true, wrap: log.wrap})
			first := holder(ctx)(Default)

			leader.stop()

			Eventually(holder(ctx)).Should(And(Not(BeEmpty()), Not(Equal(first))))
			Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(version))
			Expect(log.written()).To(BeEmpty())
			Expect(restartsOf(ctx, reader)(Default)).To(BeZero())
			Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
			g.expectMirrored(ctx)
			Eventually(restartsOf(ctx, reader)).Should(BeEquivalentTo(1))
		})

		It("goes on at the next one when the leader is cut off", func(ctx context.Context) {
			log := &requests{}
			leader := run(ctx, settings{leaderElection: true, wrap: log.wrap})
			g := mirroredGrafana(ctx)
			first := holder(ctx)(Default)
			run(ctx, settings{leaderElection: true})
			log.cutAfter(0)
			Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed()) // its first write of the answer cuts it off

			Eventually(holder(ctx)).Should(And(Not(BeEmpty()), Not(Equal(first))))
			g.expectMirrored(ctx)
			Eventually(leader.done).Should(Receive(MatchError(ContainSubstring("leader election lost"))))
			leader.done = nil
		})
	})

	It("ends without an error, and a login that is under way with it", func(ctx context.Context) {
		begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
		instance := run(ctx, settings{login: func(ctx context.Context, _ login.Target) login.Result {
			begun <- struct{}{}
			<-ctx.Done()
			ended <- struct{}{}
			return login.Result{Outcome: login.Unreachable, Message: "the controller stops"}
		}})
		cluster := newCluster("grafana")
		Expect(cluster.Create(ctx, false)).To(Succeed())
		Expect(cluster.Initdb(ctx)).To(Succeed())
		create(ctx, anExport("grafana"))
		Eventually(begun).Should(Receive())

		instance.cancel()

		Eventually(ended).Should(Receive())
		Eventually(instance.done).WithTimeout(4 * time.Second).Should(Receive(Not(HaveOccurred())))
		instance.done = nil
	})
})

// helm runs an install or upgrade with the values.
func helm(ctx context.Context, values map[string]any, args ...string) {
	GinkgoHelper()
	document, err := json.Marshal(values)
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(GinkgoT().TempDir(), "values.json")
	Expect(os.WriteFile(file, document, 0o600)).To(Succeed())
	_, err = plane.Helm(ctx, append(args, "--values", file)...)
	Expect(err).NotTo(HaveOccurred())
}

// holder returns a function that reads who holds the Lease.
func holder(ctx context.Context) func(Gomega) string {
	return func(g Gomega) string {
		lease := &coordinationv1.Lease{}
		g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: releaseNamespace, Name: secretsync.Name + "-leader-election"}, lease)).To(Succeed())
		if lease.Spec.HolderIdentity == nil {
			return ""
		}
		return *lease.Spec.HolderIdentity
	}
}
