package secretsync_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crunchydata/postgres-operator/pkg/apis/postgres-operator.crunchydata.com/v1beta1"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/pglogin"
	"github.com/tazzo/rebirth/test/operator"
)

// The rules of the design, in its order. Rule 9, that any crash converges, has
// the specs of crash_test.go.
var _ = Describe("The rule", func() {
	Context("settled", func() {
		It("hands a restored database's password on only once it logs in (rule 1)", func(ctx context.Context) {
			run(ctx, settings{})
			g := mirroredGrafana(ctx)
			backup, err := g.cluster.Verifiers(ctx)
			Expect(err).NotTo(HaveOccurred())
			before := secretNamed(ctx, grafanaSecret)(Default).Data["password"]

			By("deleting the cluster and restoring it from its backup")
			reborn(ctx, g.cluster)
			Expect(g.cluster.BeginBootstrapRestore(ctx)).To(Succeed())
			Eventually(ready(ctx, g.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.RestoringReason))
			Expect(g.cluster.WriteSecrets(ctx)).To(Succeed())
			Expect(g.cluster.FinishRestoreJob(ctx)).To(Succeed())
			Expect(g.cluster.RestoreVerifiers(ctx, backup)).To(Succeed())
			Eventually(ready(ctx, g.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ClusterStartingReason))
			By("PGO's status being complete while the database still has the old password")
			Expect(g.cluster.Up(ctx, "users")).To(Succeed())
			Eventually(condition(ctx, g.export, v1alpha1.VerifiedCondition)).Should(haveReason(metav1.ConditionFalse, v1alpha1.PasswordRefusedReason))
			Expect(condition(ctx, g.export, v1alpha1.SettledCondition)(Default)).To(haveReason(metav1.ConditionTrue, v1alpha1.SourceSettledReason))
			Consistently(func(o Gomega) { o.Expect(secretNamed(ctx, grafanaSecret)(o).Data["password"]).To(Equal(before)) }).Should(Succeed())

			Expect(g.cluster.ApplyUsers(ctx)).To(Succeed())
			g.expectMirrored(ctx)
			Expect(secretNamed(ctx, grafanaSecret)(Default).Data["password"]).NotTo(Equal(before))
		})

		It("refuses a password that the verifier beside it contradicts, with no login (rule 1)", func(ctx context.Context) {
			try, logins := counted(pglogin.Try)
			run(ctx, settings{login: try})
			g := mirroredGrafana(ctx)
			before, version := logins(), versionOf(ctx, grafanaSecret)(Default)

			Expect(g.cluster.EditSecret(ctx, "grafana", func(data map[string][]byte) {
				data["password"] = []byte(canaryPassword("grafana"))
			})).To(Succeed())

			Eventually(condition(ctx, g.export, v1alpha1.VerifiedCondition)).Should(And(
				haveReason(metav1.ConditionFalse, v1alpha1.VerifierMismatchReason),
				HaveField("Message", ContainSubstring("empty the key verifier"))))
			Expect(condition(ctx, g.export, meta.StalledCondition)(Default).Status).To(Equal(metav1.ConditionTrue))
			Expect(logins()).To(Equal(before))
			Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(version))
		})

		It("logs in once per revision, and again when the database was replaced (rule 1)", func(ctx context.Context) {
			try, logins := counted(pglogin.Try)
			instance := run(ctx, settings{login: try})
			g := mirroredGrafana(ctx)
			second := anImport("second", func(imp *v1alpha1.SecretImport) {
				imp.Spec.From.Name, imp.Spec.Target.Name = "grafana", "second"
			})
			create(ctx, second)
			Eventually(ready(ctx, second)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
			instance.stop()
			run(ctx, settings{login: try})
			Consistently(logins).Should(BeEquivalentTo(1))

			backup, err := g.cluster.Verifiers(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(g.cluster.InPlaceRestore(ctx, "same-passwords", backup)).To(Succeed())
			Eventually(logins).Should(BeEquivalentTo(2))
			g.expectMirrored(ctx)
		})

		DescribeTable("and the database cannot be asked (rule 1)",
			func(ctx context.Context, verify v1alpha1.VerifyPolicy, atOnce, later metav1.ConditionStatus, reason string) {
				clock := &aheadClock{}
				try, logins := counted(func(context.Context, login.Target) login.Result {
					return login.Result{Outcome: login.Unreachable, Message: "nobody answers"}
				})
				run(ctx, settings{clock: clock, login: try})
				cluster := newCluster("grafana")
				Expect(cluster.Create(ctx, false)).To(Succeed())
				Expect(cluster.Initdb(ctx)).To(Succeed())
				export := anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.Verify = verify })
				create(ctx, export)
				Eventually(condition(ctx, export, v1alpha1.VerifiedCondition)).Should(haveReason(metav1.ConditionUnknown, reason))
				Expect(ready(ctx, export)(Default).Status).To(Equal(atOnce))

				attempts := logins()
				clock.forward(2*time.Minute + time.Second)
				if verify != v1alpha1.VerifyOff {
					Eventually(logins).Should(BeNumerically(">", attempts))
				}
				Eventually(ready(ctx, export)).Should(HaveField("Status", later))
				Consistently(ready(ctx, export)).Should(HaveField("Status", later))
				Expect(condition(ctx, export, v1alpha1.VerifiedCondition)(Default)).To(haveReason(metav1.ConditionUnknown, reason))
			},
			Entry("Required blocks", v1alpha1.VerifyRequired, metav1.ConditionFalse, metav1.ConditionFalse, v1alpha1.UnreachableReason),
			Entry("BestEffort goes on after two minutes and says why", v1alpha1.VerifyBestEffort, metav1.ConditionFalse, metav1.ConditionTrue, v1alpha1.UnreachableReason),
			Entry("Off asks nobody", v1alpha1.VerifyOff, metav1.ConditionTrue, metav1.ConditionTrue, v1alpha1.VerifyOffReason),
		)
	})

	It("never clobbers a Secret that isn't the import's (rule 2)", func(ctx context.Context) {
		foreign := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: grafanaSecret},
			Data:       map[string][]byte{"password": []byte("somebody's own")},
		}
		create(ctx, foreign)
		run(ctx, settings{})
		cluster := newCluster("grafana")
		Expect(cluster.Create(ctx, false)).To(Succeed())
		Expect(cluster.Initdb(ctx)).To(Succeed())
		imp := anImport("grafana")
		create(ctx, anExport("grafana"), imp)

		Eventually(ready(ctx, imp)).Should(And(
			haveReason(metav1.ConditionFalse, v1alpha1.ConflictReason),
			HaveField("Message", And(ContainSubstring("monitoring/"+grafanaSecret), ContainSubstring("spec.existing: Adopt"), ContainSubstring("spec.target.name")))))
		Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(foreign.ResourceVersion))

		By("somebody deleting it, as the message says")
		Expect(admin.Delete(ctx, foreign)).To(Succeed())
		Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		By("the import going, and the mirror that it owns with it")
		remove(ctx, imp)
		Eventually(func() bool {
			return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKey{Namespace: consumerNamespace, Name: grafanaSecret}, &corev1.Secret{}))
		}).Should(BeTrue())
	})

	It("never merges with a Secret that somebody creates at the same moment (rule 2)", func(ctx context.Context) {
		foreign := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: grafanaSecret},
			Data:       map[string][]byte{"theirs": []byte("somebody's own")},
		}
		DeferCleanup(func(ctx context.Context) { remove(ctx, foreign.DeepCopy()) })
		var first sync.Once
		created := make(chan error, 1)
		run(ctx, settings{wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(request *http.Request) (*http.Response, error) {
				if request.Method != http.MethodGet && strings.HasPrefix(request.URL.Path, "/api/v1/namespaces/"+consumerNamespace+"/secrets") {
					first.Do(func() { created <- admin.Create(ctx, foreign.DeepCopy()) })
				}
				return next.RoundTrip(request)
			})
		}})
		cluster := newCluster("grafana")
		Expect(cluster.Create(ctx, false)).To(Succeed())
		Expect(cluster.Initdb(ctx)).To(Succeed())
		imp := anImport("grafana")
		create(ctx, anExport("grafana"), imp)

		Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ConflictReason))
		Expect(created).To(Receive(BeNil()))
		Expect(secretNamed(ctx, grafanaSecret)(Default)).To(And(HaveField("Data", foreign.Data), HaveField("OwnerReferences", BeEmpty())))
	})

	It("writes no other Secret because an export is edited to be of another one (rule 2)", func(ctx context.Context) {
		run(ctx, settings{})
		other := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: databaseNamespace, Name: "other"},
			Data:       map[string][]byte{"password": []byte(canaryPassword("other"))},
		}
		export, imp := plainExport(), anImport("plain", restartAtOnce)
		create(ctx, aPlainSecret(), other, export, imp)
		Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		version, reader := versionOf(ctx, "plain")(Default), consumer(ctx, "reader", "plain", 0)

		update(ctx, export, func(e *v1alpha1.SecretExport) { e.Spec.Source.Secret.Name = "other" })

		Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ConflictReason))
		expectStalled(ctx, imp, v1alpha1.ConflictReason, "SecretExport tazlab-db/plain", `"other"`, "Secret monitoring/plain", "set spec.target.name")
		Consistently(func(o Gomega) {
			o.Expect(versionOf(ctx, "plain")(o)).To(Equal(version))
			o.Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKey{Namespace: consumerNamespace, Name: "other"}, &corev1.Secret{}))).To(BeTrue())
			o.Expect(restartsOf(ctx, reader)(o)).To(BeZero())
		}).Should(Succeed())

		By("the import saying which Secret it wants")
		update(ctx, imp, targeted("other"))
		Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		Expect(secretNamed(ctx, "other")(Default).Data).To(Equal(other.Data))
		Expect(versionOf(ctx, "plain")(Default)).To(Equal(version))
	})

	Context("keep on loss", func() {
		It("keeps the mirror while its source is half-written or gone (rule 3)", func(ctx context.Context) {
			run(ctx, settings{})
			g := mirroredGrafana(ctx)
			version := versionOf(ctx, grafanaSecret)(Default)

			Expect(g.cluster.EditSecret(ctx, "grafana", func(data map[string][]byte) { delete(data, "host") })).To(Succeed())
			Eventually(ready(ctx, g.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.SourceIncompleteReason))
			Eventually(ready(ctx, g.imp)).Should(And(haveReason(metav1.ConditionFalse, v1alpha1.ExportNotReadyReason),
				HaveField("Message", ContainSubstring("the mirror is kept as it is"))))

			source, err := g.cluster.Secret(ctx, "grafana")
			Expect(err).NotTo(HaveOccurred())
			Expect(admin.Delete(ctx, source)).To(Succeed())
			Eventually(ready(ctx, g.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.SourceMissingReason))

			Expect(g.cluster.Delete(ctx)).To(Succeed())
			Eventually(ready(ctx, g.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ClusterMissingReason))
			Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(version))
			Expect(ready(ctx, g.imp)(Default)).To(haveReason(metav1.ConditionFalse, v1alpha1.ExportNotReadyReason))
		})

		DescribeTable("and consent is withdrawn (rule 3)", func(ctx context.Context, policy v1alpha1.RevokePolicy, withdraw func(context.Context, *v1alpha1.SecretExport)) {
			run(ctx, settings{})
			g := mirroredGrafana(ctx, func(export *v1alpha1.SecretExport, _ *v1alpha1.SecretImport) { export.Spec.OnRevoke = policy })
			version := versionOf(ctx, grafanaSecret)(Default)

			withdraw(ctx, g.export)

			Eventually(condition(ctx, g.imp, v1alpha1.AllowedCondition)).Should(And(
				haveReason(metav1.ConditionFalse, v1alpha1.RevokedReason),
				HaveField("Message", ContainSubstring("SecretExport tazlab-db/grafana"))))
			if policy == v1alpha1.RevokeRetain {
				Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(version))
				return
			}
			Eventually(func() bool {
				return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKey{Namespace: consumerNamespace, Name: grafanaSecret}, &corev1.Secret{}))
			}).WithTimeout(30 * time.Second).Should(BeTrue())
		},
			Entry("the export is deleted, Retain", v1alpha1.RevokeRetain, deleted),
			Entry("the export is deleted, Delete", v1alpha1.RevokeDelete, deleted),
			Entry("the namespace is taken from to, Retain", v1alpha1.RevokeRetain, narrowed),
			Entry("the namespace is taken from to, Delete", v1alpha1.RevokeDelete, narrowed),
		)

		It("keeps the mirror while an export is replaced, even with onRevoke: Delete (rule 3)", func(ctx context.Context) {
			run(ctx, settings{})
			g := mirroredGrafana(ctx, func(export *v1alpha1.SecretExport, _ *v1alpha1.SecretImport) {
				export.Spec.OnRevoke = v1alpha1.RevokeDelete
			})
			before := secretNamed(ctx, grafanaSecret)(Default).UID

			remove(ctx, g.export)
			Eventually(condition(ctx, g.imp, v1alpha1.AllowedCondition)).Should(haveReason(metav1.ConditionFalse, v1alpha1.RevokedReason))
			create(ctx, anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.OnRevoke = v1alpha1.RevokeDelete }))

			g.expectMirrored(ctx)
			Expect(secretNamed(ctx, grafanaSecret)(Default).UID).To(Equal(before))
		})
	})

	Context("one restart per change", func() {
		It("restarts what started before the change, once, and nothing else (rule 4)", func(ctx context.Context) {
			run(ctx, settings{})
			g := mirroredGrafana(ctx)
			before := consumer(ctx, "before", grafanaSecret, 0)
			stranger := consumer(ctx, "stranger", "another-secret", time.Hour)

			Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
			g.expectMirrored(ctx)
			Eventually(condition(ctx, g.imp, v1alpha1.RestartedCondition)).Should(And(
				haveReason(metav1.ConditionTrue, v1alpha1.RestartedReason), HaveField("Message", ContainSubstring("Deployment/before"))))
			Expect(g.imp.Status.Restart.Last).To(ConsistOf(HaveField("Name", "before")))

			By("a process that starts after the change being left alone")
			after := consumer(ctx, "after", grafanaSecret, -2*time.Second)
			update(ctx, g.imp, func(imp *v1alpha1.SecretImport) {
				imp.Annotations = map[string]string{meta.ReconcileRequestAnnotation: "1"}
			})
			Eventually(func() string { ready(ctx, g.imp)(Default); return g.imp.Status.LastHandledReconcileAt }).Should(Equal("1"))
			Consistently(restartsOf(ctx, after)).Should(BeZero())
			Expect(restartsOf(ctx, before)(Default)).To(BeEquivalentTo(1))
			Expect(restartsOf(ctx, stranger)(Default)).To(BeZero())
		})

		It("restarts and writes nothing when nothing changed (rule 4)", func(ctx context.Context) {
			first := run(ctx, settings{})
			g := mirroredGrafana(ctx)
			reader := consumer(ctx, "reader", grafanaSecret, 0)
			version := versionOf(ctx, grafanaSecret)(Default)
			first.stop()

			log := &requests{}
			for range 10 {
				so, far := reconciles("secretexport")(Default), reconciles("secretimport")(Default)
				next := run(ctx, settings{wrap: log.wrap})
				Eventually(reconciles("secretexport")).Should(BeNumerically(">", so))
				Eventually(reconciles("secretimport")).Should(BeNumerically(">", far))
				next.stop()
			}
			Expect(log.written()).To(BeEmpty())

			By("an edit of a label of the source, which is proven again and copied by nobody")
			run(ctx, settings{})
			revision := g.export.Status.Revision
			source, err := g.cluster.Secret(ctx, "grafana")
			Expect(err).NotTo(HaveOccurred())
			update(ctx, source, func(secret *corev1.Secret) { secret.Labels["team"] = "monitoring" })
			Eventually(func() string { ready(ctx, g.export)(Default); return g.export.Status.Revision }).ShouldNot(Equal(revision))
			g.expectMirrored(ctx)
			Expect(versionOf(ctx, grafanaSecret)(Default)).To(Equal(version))
			Consistently(restartsOf(ctx, reader)).Should(BeZero())
		})

		It("restarts nobody while the database is shut down, and everybody once it is up (rule 4)", func(ctx context.Context) {
			run(ctx, settings{})
			g := mirroredGrafana(ctx)
			reader := consumer(ctx, "reader", grafanaSecret, 0)
			Expect(g.cluster.Edit(ctx, shutDown(true))).To(Succeed())
			Eventually(ready(ctx, g.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ClusterShutdownReason))
			Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
			Consistently(restartsOf(ctx, reader)).Should(BeZero())

			Expect(g.cluster.Edit(ctx, shutDown(false))).To(Succeed())
			g.expectMirrored(ctx)
			Eventually(restartsOf(ctx, reader)).Should(BeEquivalentTo(1))
		})
	})

	It("leaks nothing when a template fails on a value (rule 5)", func(ctx context.Context) {
		run(ctx, settings{})
		g := mirroredGrafana(ctx)
		password, err := g.cluster.Password(ctx, "grafana")
		Expect(err).NotTo(HaveOccurred())
		for i, text := range []string{`{{ .password.x }}`, `{{ index .password 9999 }}`, `{{ slice .password 9999 }}`, `{{ printf "%d" .password }}`, `{{ call .password }}`, `{{ index . .password }}`} {
			imp := anImport("failing", func(imp *v1alpha1.SecretImport) {
				imp.Spec.From.Name, imp.Spec.Target.Name = "grafana", "failing"
				imp.Spec.Target.Template = map[string]v1alpha1.TemplateText{"URL": v1alpha1.TemplateText(text)}
			})
			create(ctx, imp)
			Eventually(ready(ctx, imp)).Should(And(haveReason(metav1.ConditionFalse, v1alpha1.TemplateFailedReason),
				HaveField("Message", And(ContainSubstring("spec.target.template"), Not(ContainSubstring(canary))))), "template %d", i)
			remove(ctx, imp)
		}
		Expect(strings.Contains(logs.String(), password)).To(BeFalse(), "the password was logged")
	})

	Context("no oracle", func() {
		It("answers alike whether an export exists or not (rule 6)", func(ctx context.Context) {
			run(ctx, settings{})
			cluster := newCluster("grafana")
			Expect(cluster.Create(ctx, false)).To(Succeed())
			Expect(cluster.Initdb(ctx)).To(Succeed())
			export := anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.To[0].Namespace = "elsewhere" })
			create(ctx, export)
			Eventually(ready(ctx, export)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
			there, absent := anImport("grafana"), anImport("nowhere")
			create(ctx, there, absent)
			Eventually(ready(ctx, there)).Should(haveReason(metav1.ConditionFalse, v1alpha1.NotExportedReason))
			Eventually(ready(ctx, absent)).Should(haveReason(metav1.ConditionFalse, v1alpha1.NotExportedReason))

			Expect(answer(there)).To(Equal(answer(absent)))
			Expect(there.Status.Target).To(BeNil())
			Expect(there.Status.Source).To(BeNil())
		})

		It("refuses a decoy that carries PGO's labels (rule 6)", func(ctx context.Context) {
			run(ctx, settings{})
			cluster := newCluster("grafana")
			Expect(cluster.Create(ctx, false)).To(Succeed())
			Expect(cluster.Initdb(ctx)).To(Succeed())
			source, err := cluster.Secret(ctx, "grafana")
			Expect(err).NotTo(HaveOccurred())
			update(ctx, source, func(secret *corev1.Secret) { secret.OwnerReferences = nil })
			DeferCleanup(func(ctx context.Context) { remove(ctx, source) }) // nobody owns it now
			export := anExport("grafana")
			create(ctx, export)
			Eventually(ready(ctx, export)).Should(And(haveReason(metav1.ConditionFalse, v1alpha1.SourceNotOwnedReason),
				HaveField("Message", ContainSubstring("tazlab-db/"+grafanaSecret))))
			Expect(condition(ctx, export, meta.StalledCondition)(Default).Status).To(Equal(metav1.ConditionTrue))
			Expect(export.Status.Revision).To(BeEmpty())
			update(ctx, source, func(secret *corev1.Secret) { secret.Labels["touched"] = "yes" })
			Consistently(ready(ctx, export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.SourceNotOwnedReason))
		})
	})

	It("has no right on a Secret outside of its namespaces (rule 7)", func(ctx context.Context) {
		ours, err := client.New(chartConfig(ctx), client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		for _, where := range []client.ListOption{client.InNamespace(""), client.InNamespace("kube-system"), client.InNamespace(releaseNamespace), client.InNamespace("default")} {
			Expect(apierrors.IsForbidden(ours.List(ctx, &corev1.SecretList{}, where))).To(BeTrue(), "Secrets may be listed in %v", where)
		}
		Expect(ours.List(ctx, &corev1.SecretList{}, client.InNamespace(databaseNamespace))).To(Succeed())
		err = ours.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: databaseNamespace, Name: "mine"}})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "a source's namespace may be written to")
	})

	It("asks nothing in a steady state, whoever looks in (rule 8)", func(ctx context.Context) {
		log := &requests{}
		run(ctx, settings{wrap: log.wrap})
		g := mirroredGrafana(ctx)
		expectQuiet(log)
		before := log.all()

		By("PGO rewriting its status, which wakes nobody")
		exports, imports := reconciles("secretexport")(Default), reconciles("secretimport")(Default)
		for i := range 5 {
			Expect(g.cluster.Report(ctx, func(s *v1beta1.PostgresClusterStatus) {
				s.PGBackRest = &v1beta1.PGBackRestStatus{ScheduledBackups: []v1beta1.PGBackRestScheduledBackupStatus{{CronJobName: "backup", RepoName: "repo1", Active: int32(i)}}}
			})).To(Succeed())
		}
		Consistently(func(o Gomega) {
			o.Expect(reconciles("secretexport")(o)).To(Equal(exports))
			o.Expect(reconciles("secretimport")(o)).To(Equal(imports))
		}).Should(Succeed())

		By("labels on the export and the import, which wake and change nothing")
		update(ctx, g.export, func(e *v1alpha1.SecretExport) { e.Labels = map[string]string{"team": "db"} })
		update(ctx, g.imp, func(i *v1alpha1.SecretImport) { i.Labels = map[string]string{"team": "monitoring"} })
		Eventually(reconciles("secretexport")).Should(BeNumerically(">", exports))
		Eventually(reconciles("secretimport")).Should(BeNumerically(">", imports))
		Consistently(log.all).Should(Equal(before))
	})

	Context("waiting and stalled", func() {
		It("waits for what the order of events brings (rule 10)", func(ctx context.Context) {
			run(ctx, settings{})
			export, imp := anExport("grafana"), anImport("grafana")
			create(ctx, export, imp)
			Eventually(ready(ctx, export)).Should(And(haveReason(metav1.ConditionFalse, v1alpha1.ClusterMissingReason),
				HaveField("Message", ContainSubstring("PostgresCluster tazlab-db/tazlab-db"))))
			Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ExportNotReadyReason))
			for _, read := range []func(Gomega) metav1.Condition{condition(ctx, export, meta.ReconcilingCondition), condition(ctx, imp, meta.ReconcilingCondition)} {
				Expect(read(Default).Status).To(Equal(metav1.ConditionTrue))
			}
		})

		It("names the way out of a typo in from at once, and stalls when a minute has brought no such export (rule 10)", func(ctx context.Context) {
			clock := &aheadClock{}
			run(ctx, settings{clock: clock})
			imp := anImport("second", func(imp *v1alpha1.SecretImport) { imp.Spec.From.Name = "grafanna" })
			create(ctx, imp)
			Eventually(ready(ctx, imp)).Should(And(haveReason(metav1.ConditionFalse, v1alpha1.NotExportedReason), HaveField("Message",
				And(ContainSubstring("SecretExport tazlab-db/grafanna"), ContainSubstring("spec.from"), ContainSubstring("spec.to")))))
			Expect(condition(ctx, imp, meta.ReconcilingCondition)(Default)).To(haveReason(metav1.ConditionTrue, v1alpha1.NotExportedReason))

			clock.forward(time.Minute)
			update(ctx, imp, requestReconcile)
			Eventually(condition(ctx, imp, meta.StalledCondition)).Should(haveReason(metav1.ConditionTrue, v1alpha1.NotExportedReason))
			Expect(condition(ctx, imp, meta.ReconcilingCondition)(Default).Status).To(BeEmpty())
		})

		DescribeTable("stalls at once and names the way out (rule 10)", func(ctx context.Context, arrange func(context.Context, grafana), edit func(*v1alpha1.SecretImport), reason string, words ...string) {
			run(ctx, settings{})
			g := mirroredGrafana(ctx)
			if arrange != nil {
				arrange(ctx, g)
			}
			imp := anImport("second", func(imp *v1alpha1.SecretImport) {
				imp.Spec.From.Name, imp.Spec.Target.Name = "grafana", "second"
				edit(imp)
			})
			create(ctx, imp)
			Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionFalse, reason))
			stalled := condition(ctx, imp, meta.StalledCondition)(Default)
			Expect(stalled).To(haveReason(metav1.ConditionTrue, reason))
			for _, word := range words {
				Expect(stalled.Message).To(ContainSubstring(word))
			}
			Expect(condition(ctx, imp, meta.ReconcilingCondition)(Default).Status).To(BeEmpty())
		},
			Entry("a Secret that Git applies", inGit, func(imp *v1alpha1.SecretImport) { imp.Spec.Existing = v1alpha1.ExistingAdopt },
				v1alpha1.ManagedByGitReason, "Secret monitoring/second", "Kustomization flux-system/apps", "spec.target.name"),
			Entry("two imports for one Secret", nil, func(imp *v1alpha1.SecretImport) { imp.Spec.Target.Name = grafanaSecret },
				v1alpha1.ImportConflictReason, "SecretImport monitoring/grafana", "spec.target.name"),
			Entry("a listed workload that doesn't exist", existing, func(imp *v1alpha1.SecretImport) {
				imp.Spec.Restart = v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeListed, Workloads: []v1alpha1.WorkloadReference{{Kind: "Deployment", Name: "backend"}}}
			}, v1alpha1.WorkloadMissingReason, "Deployment/backend", "did you mean Deployment/multica-backend?"),
		)
	})
})

// reborn deletes the cluster and creates one of that name from its backup.
func reborn(ctx context.Context, cluster *operator.Cluster) {
	GinkgoHelper()
	Expect(cluster.Delete(ctx)).To(Succeed())
	Eventually(func() bool { _, err := cluster.Secret(ctx, "grafana"); return apierrors.IsNotFound(err) }).Should(BeTrue())
	Eventually(func() bool {
		return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKey{Namespace: databaseNamespace, Name: "tazlab-db-cluster-cert"}, &corev1.Secret{}))
	}).Should(BeTrue())
	Expect(cluster.Create(ctx, true)).To(Succeed())
}

func shutDown(shut bool) func(*v1beta1.PostgresCluster) {
	return func(cluster *v1beta1.PostgresCluster) { cluster.Spec.Shutdown = &shut }
}

func deleted(ctx context.Context, export *v1alpha1.SecretExport) { remove(ctx, export) }

func narrowed(ctx context.Context, export *v1alpha1.SecretExport) {
	update(ctx, export, func(e *v1alpha1.SecretExport) { e.Spec.To[0].Namespace = "elsewhere" })
}

// inGit puts a Secret where Flux applies it.
func inGit(ctx context.Context, _ grafana) {
	create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: "second", Labels: map[string]string{
		"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
	}}})
}

func existing(ctx context.Context, _ grafana) { consumer(ctx, "multica-backend", "second", 0) }

// answer is what an import says, less its own name and times.
func answer(imp *v1alpha1.SecretImport) []metav1.Condition {
	out := make([]metav1.Condition, 0, len(imp.Status.Conditions))
	for _, c := range imp.Status.Conditions {
		c.LastTransitionTime = metav1.Time{}
		c.Message = strings.ReplaceAll(c.Message, imp.Name, "NAME")
		out = append(out, c)
	}
	return out
}
