package secretsync_test

import (
	"bytes"
	"context"
	"strings"

	"github.com/fluxcd/pkg/apis/meta"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/controlplane"
)

// unlistedNamespace is one that the chart's values don't name.
const unlistedNamespace = "unlisted"

// bigKey is how much of a Secret's 1 MiB the key "big" of aPlainSecret takes.
const bigKey = 700 * 1024

var _ = Describe("Bad input", func() {
	DescribeTable("is refused at admission, with the field and the way out", func(ctx context.Context, obj client.Object, words ...string) {
		err := admin.Create(ctx, obj, client.DryRunAll)
		Expect(err).To(HaveOccurred())
		for _, word := range words {
			Expect(err.Error()).To(ContainSubstring(word))
		}
	},
		Entry("an export whose name is no DNS name", anExport("grafana", func(e *v1alpha1.SecretExport) { e.Name = "Graf_ana" }), "metadata.name", "RFC 1123"),
		Entry("a cluster's name that is no DNS name", anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.Source.PostgresUser.Cluster = "Tazlab_DB" }),
			"spec.source.postgresUser.cluster", "Tazlab_DB", "should match"),
		Entry("a user's name that is no DNS name", anExport("Graf_ana", func(e *v1alpha1.SecretExport) { e.Name = "x" }), "spec.source.postgresUser.user", "should match"),
		Entry("a Secret's name that is no DNS name", plainExport(func(e *v1alpha1.SecretExport) { e.Spec.Source.Secret.Name = "a/b" }), "spec.source.secret.name", "should match"),
		Entry("a namespace that is no DNS name", anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.To[0].Namespace = "Moni.toring" }), "spec.to[0].namespace", "should match"),
		Entry("no destination", anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.To = []v1alpha1.ExportDestination{} }), "spec.to", "at least 1"),
		Entry("no source", anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.Source = v1alpha1.ExportSource{} }), "spec.source", "set exactly one of postgresUser and secret"),
		Entry("two sources", anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.Source.Secret = &v1alpha1.SecretSource{Name: "x"} }),
			"spec.source", "set exactly one of postgresUser and secret"),
		Entry("a destination by name and by labels", anExport("grafana", func(e *v1alpha1.SecretExport) {
			e.Spec.To[0].NamespaceSelector = &metav1.LabelSelector{}
		}), "spec.to[0]", "set exactly one of namespace and namespaceSelector"),
		Entry("keys included and excluded", anExport("grafana", func(e *v1alpha1.SecretExport) {
			e.Spec.Keys = &v1alpha1.KeyFilter{Include: []string{"user"}, Exclude: []string{"uri"}}
		}), "spec.keys", "set at most one of include and exclude"),
		Entry("a policy that doesn't exist", anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.Verify = "Perhaps" }),
			"spec.verify", "BestEffort"),
		Entry("a target's name that is no DNS name", anImport("grafana", func(i *v1alpha1.SecretImport) { i.Spec.Target.Name = "Not_A_Name" }), "spec.target.name", "should match"),
		Entry("an export's name that is no DNS name", anImport("grafana", func(i *v1alpha1.SecretImport) { i.Spec.From.Name = "graf ana" }), "spec.from.name", "should match"),
		Entry("a key that a Secret can't have", anImport("grafana", func(i *v1alpha1.SecretImport) {
			i.Spec.Target.Keys = []v1alpha1.KeyMapping{{From: "password", To: "pass/word"}}
		}), "spec.target.keys[0].to", "should match"),
		Entry("a template for a key that a Secret can't have", anImport("grafana", templated("pass/word", "x")), "spec.target.template", "a key consists of"),
		Entry("a template that is too long", anImport("grafana", templated("URL", strings.Repeat("x", 4097))), "spec.target.template", "4096"),
		Entry("two mappings to one key", anImport("grafana", func(i *v1alpha1.SecretImport) {
			i.Spec.Target.Keys = []v1alpha1.KeyMapping{{From: "password"}, {From: "user", To: "password"}}
		}), "spec.target", "two entries of keys write the same key"),
		Entry("a mapping and a template for one key", anImport("grafana", templated("password", "x"), func(i *v1alpha1.SecretImport) {
			i.Spec.Target.Keys = []v1alpha1.KeyMapping{{From: "password"}}
		}), "spec.target", "keys and template write the same key"),
		Entry("a Secret to adopt that isn't named", anImport("grafana", func(i *v1alpha1.SecretImport) { i.Spec.Existing = v1alpha1.ExistingAdopt }),
			"spec", "Adopt and TakeOver need target.name"),
		Entry("a Secret to take over that isn't named", anImport("grafana", func(i *v1alpha1.SecretImport) { i.Spec.Existing = v1alpha1.ExistingTakeOver }),
			"spec", "Adopt and TakeOver need target.name"),
		Entry("an ExternalSecret's name that is no DNS name", anImport("grafana", targeted("x"), func(i *v1alpha1.SecretImport) {
			i.Spec.Existing, i.Spec.ExternalSecret = v1alpha1.ExistingTakeOver, &v1alpha1.ExternalSecretReference{Name: "a/b"}
		}), "spec.externalSecret.name", "should match"),
		Entry("a workload's name that is no DNS name", anImport("grafana", func(i *v1alpha1.SecretImport) {
			i.Spec.Restart = v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeListed, Workloads: []v1alpha1.WorkloadReference{{Kind: "Deployment", Name: "Web_1"}}}
		}), "spec.restart.workloads[0].name", "should match"),
		Entry("Listed without workloads", anImport("grafana", func(i *v1alpha1.SecretImport) { i.Spec.Restart.Mode = v1alpha1.RestartModeListed }),
			"spec.restart", "mode Listed needs workloads"),
		Entry("workloads without Listed", anImport("grafana", func(i *v1alpha1.SecretImport) {
			i.Spec.Restart = v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeAuto, Workloads: []v1alpha1.WorkloadReference{{Kind: "Deployment", Name: "x"}}}
		}), "spec.restart", "workloads are for mode Listed only"),
		Entry("a kind that has no pods", anImport("grafana", func(i *v1alpha1.SecretImport) {
			i.Spec.Restart = v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeListed, Workloads: []v1alpha1.WorkloadReference{{Kind: "CronJob", Name: "x"}}}
		}), "spec.restart.workloads[0].kind", "StatefulSet"),
	)

	DescribeTable("is refused at admission also where Go's types can't hold it", func(ctx context.Context, kind string, obj client.Object, value any, path ...string) {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
		Expect(err).NotTo(HaveOccurred())
		raw := &unstructured.Unstructured{Object: content}
		raw.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
		Expect(unstructured.SetNestedField(raw.Object, value, path...)).To(Succeed())
		Expect(admin.Create(ctx, raw, client.DryRunAll)).To(MatchError(ContainSubstring(strings.Join(path, "."))))
	},
		// One import that can't be decoded would hide all others from the controller.
		Entry("a duration longer than Go's longest", v1alpha1.SecretImportKind, anImport("grafana"), "9999999h", "spec", "restart", "minInterval"),
		Entry("a list of no key, which would otherwise mean every key", v1alpha1.SecretExportKind, anExport("grafana"), []any{}, "spec", "keys", "include"),
	)

	It("is refused at admission by the chart's optional policy too, before a condition says so", func(ctx context.Context) {
		policy := renderChart(ctx, map[string]any{"admissionPolicy": map[string]any{"enabled": true}})
		for _, obj := range ofGroup(policy, "admissionregistration.k8s.io") {
			create(ctx, obj)
		}
		own := anExport("grafana", func(e *v1alpha1.SecretExport) { e.Spec.To[0].Namespace = databaseNamespace })
		everywhere := anExport("grafana", func(e *v1alpha1.SecretExport) {
			e.Spec.To = []v1alpha1.ExportDestination{{NamespaceSelector: &metav1.LabelSelector{}}}
		})
		circle := anImport("grafana", func(i *v1alpha1.SecretImport) { i.Spec.From.Namespace = consumerNamespace })
		for obj, words := range map[client.Object]string{own: "is the export's own", everywhere: "to every namespace", circle: "is the import's own namespace"} {
			Eventually(func() error { return admin.Create(ctx, obj, client.DryRunAll) }).Should(MatchError(ContainSubstring(words)))
		}
		Expect(admin.Create(ctx, anExport("grafana"), client.DryRunAll)).To(Succeed())
		Expect(admin.Create(ctx, anImport("grafana"), client.DryRunAll)).To(Succeed())
	})

	DescribeTable("in an import stalls it, keeps the mirror, and is forgotten once it is mended",
		func(ctx context.Context, spoil func(*v1alpha1.SecretImport), reason string, words ...string) {
			log := &requests{}
			run(ctx, settings{wrap: log.wrap})
			create(ctx, aPlainSecret())
			imp := anImport("plain", targeted("plain"))
			create(ctx, plainExport(), imp)
			Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
			version, good := versionOf(ctx, "plain")(Default), imp.Spec.DeepCopy()

			update(ctx, imp, spoil)

			Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionFalse, reason))
			expectStalled(ctx, imp, reason, words...)
			expectQuiet(log)
			Expect(versionOf(ctx, "plain")(Default)).To(Equal(version))
			update(ctx, imp, func(i *v1alpha1.SecretImport) { i.Spec = *good })
			Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		},
		Entry("a template that can't be parsed", templated("URL", "{{ .password "), v1alpha1.TemplateFailedReason, `spec.target.template["URL"]`, "can't be parsed"),
		Entry("a template that loops", templated("URL", "{{ range . }}x{{ end }}"), v1alpha1.TemplateFailedReason, `spec.target.template["URL"]`, "range", "only values"),
		Entry("a template over a key that doesn't exist", templated("URL", "{{ .pasword }}"), v1alpha1.TemplateFailedReason,
			`spec.target.template["URL"]`, `"pasword"`, "exported are big, password"),
		Entry("a template that fails", templated("URL", "{{ slice .password 9999 }}"), v1alpha1.TemplateFailedReason, `spec.target.template["URL"]`, "at line 1"),
		Entry("a template that overwrites an exported key", templated("password", "x"), v1alpha1.InvalidSpecReason, `spec.target.template["password"]`, "spec.target.keys"),
		Entry("a key that doesn't exist", func(i *v1alpha1.SecretImport) {
			i.Spec.Target.Keys = []v1alpha1.KeyMapping{{From: "password"}, {From: "pasword", To: "PGPASSWORD"}}
		}, v1alpha1.KeyMissingReason, "spec.target.keys[1].from", `"pasword"`, "(big, password)"),
		Entry("a Secret of more than 1 MiB", func(i *v1alpha1.SecretImport) {
			i.Spec.Target.Keys = []v1alpha1.KeyMapping{{From: "big", To: "one"}, {From: "big", To: "two"}}
		}, v1alpha1.TooLargeReason, "1048576", "spec.target.keys"),
		Entry("an import from its own namespace", func(i *v1alpha1.SecretImport) { i.Spec.From.Namespace = consumerNamespace },
			v1alpha1.InvalidSpecReason, "spec.from.namespace", consumerNamespace, "use the source Secret directly"),
	)

	DescribeTable("in an export stalls it, and its imports say why they wait",
		func(ctx context.Context, users []string, export *v1alpha1.SecretExport, reason string, words ...string) {
			namespaceExists(ctx, unlistedNamespace)
			log := &requests{}
			run(ctx, settings{wrap: log.wrap})
			cluster := newCluster(users...)
			Expect(cluster.Create(ctx, false)).To(Succeed())
			Expect(cluster.Initdb(ctx)).To(Succeed())
			imp := anImport("grafana", targeted("grafana"), func(i *v1alpha1.SecretImport) {
				i.Spec.From = v1alpha1.ExportReference{Namespace: export.Namespace, Name: export.Name}
			})
			create(ctx, export.DeepCopy(), imp)

			Eventually(ready(ctx, export)).Should(haveReason(metav1.ConditionFalse, reason))
			expectStalled(ctx, export, reason, words...)
			Eventually(ready(ctx, imp)).Should(Or(
				haveReason(metav1.ConditionFalse, v1alpha1.ExportNotReadyReason), haveReason(metav1.ConditionFalse, v1alpha1.NotExportedReason)))
			expectQuiet(log)
			Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKey{Namespace: consumerNamespace, Name: "grafana"}, &corev1.Secret{}))).To(BeTrue())
			Expect(imp.Status.Source).To(BeNil())
		},
		Entry("a PostgresCluster without users", nil, anExport("grafana"), v1alpha1.UserUnknownReason, `user "grafana"`, "spec.users", "PostgresCluster tazlab-db/tazlab-db"),
		Entry("a user that PGO doesn't know", []string{"wiki"}, anExport("grafana"), v1alpha1.UserUnknownReason,
			`user "grafana"`, "its users are wiki", "spec.source.postgresUser.user"),
		Entry("a namespace that the chart gives no right to", []string{"wiki"}, anExport("grafana", func(e *v1alpha1.SecretExport) { e.Namespace = unlistedNamespace }),
			v1alpha1.NoRightsReason, "Secret unlisted/tazlab-db-pguser-grafana", "exports: [{namespace: unlisted}]"),
		Entry("an export to its own namespace", []string{"grafana"}, anExport("grafana", func(e *v1alpha1.SecretExport) {
			e.Spec.To = append(e.Spec.To, v1alpha1.ExportDestination{Namespace: databaseNamespace})
		}), v1alpha1.InvalidSpecReason, "spec.to[1].namespace", databaseNamespace, "directly"),
		Entry("a selector that can't be read", []string{"grafana"}, anExport("grafana", func(e *v1alpha1.SecretExport) {
			e.Spec.To = []v1alpha1.ExportDestination{{NamespaceSelector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "team", Operator: "Near", Values: []string{"x"}}},
			}}}
		}), v1alpha1.InvalidSpecReason, "spec.to[0].namespaceSelector", "Near"),
	)

	It("is an import in a namespace that the chart gives no right to", func(ctx context.Context) {
		namespaceExists(ctx, unlistedNamespace)
		log := &requests{}
		run(ctx, settings{wrap: log.wrap})
		imp := anImport("plain", targeted("plain"), func(i *v1alpha1.SecretImport) { i.Namespace = unlistedNamespace })
		create(ctx, imp)
		Eventually(ready(ctx, imp)).Should(haveReason(metav1.ConditionFalse, v1alpha1.NoRightsReason))
		expectStalled(ctx, imp, v1alpha1.NoRightsReason, "namespace unlisted", "imports: [{namespace: unlisted}]")
		expectQuiet(log)
		Expect(log.all()).NotTo(ContainElement(ContainSubstring("/secrets")))
	})

	It("is two imports for one Secret: the first has it, the second says so and follows", func(ctx context.Context) {
		log := &requests{}
		run(ctx, settings{wrap: log.wrap})
		create(ctx, aPlainSecret(), plainExport())
		both := []*v1alpha1.SecretImport{anImport("a", targeted("plain"), fromPlain), anImport("b", targeted("plain"), fromPlain)}
		create(ctx, both[0], both[1])
		Eventually(ready(ctx, both[0])).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		Eventually(ready(ctx, both[1])).Should(haveReason(metav1.ConditionFalse, v1alpha1.ImportConflictReason))
		expectStalled(ctx, both[1], v1alpha1.ImportConflictReason, "SecretImport monitoring/a", "spec.target.name")
		expectQuiet(log)
		Expect(secretNamed(ctx, "plain")(Default).OwnerReferences).To(ConsistOf(HaveField("Name", "a")))

		remove(ctx, both[0])
		Eventually(ready(ctx, both[1])).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		Eventually(func(g Gomega) {
			g.Expect(secretNamed(ctx, "plain")(g).OwnerReferences).To(ConsistOf(HaveField("Name", "b")))
		}).Should(Succeed())
	})

	It("is a cluster without the CRDs of PGO and External Secrets: waiting, not broken", func(ctx context.Context) {
		chart := renderChart(ctx, chartValues())
		bare, err := controlplane.Start(ctx, controlplane.Options{
			Progress: GinkgoWriter, Manifests: [][]byte{namespaces(releaseNamespace, databaseNamespace, consumerNamespace), chart},
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(bare.Stop)
		here, err := client.New(bare.AdminConfig(), client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		config, err := bare.ServiceAccountConfig(ctx, releaseNamespace, "secret-sync")
		Expect(err).NotTo(HaveOccurred())
		log := &requests{}
		instance := run(ctx, settings{config: config, wrap: log.wrap})
		DeferCleanup(instance.stop) // before the control plane that it watches

		existing := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: "plain"}}
		takeOver := anImport("plain", targeted("plain"), func(i *v1alpha1.SecretImport) {
			i.Spec.Existing = v1alpha1.ExistingTakeOver
			i.Spec.ExternalSecret = &v1alpha1.ExternalSecretReference{Method: v1alpha1.TakeOverFreeze}
		})
		export := anExport("grafana")
		for _, obj := range []client.Object{aPlainSecret(), plainExport(), existing, takeOver, export} {
			Expect(here.Create(ctx, obj)).To(Succeed())
		}
		reason := func(obj interface {
			client.Object
			GetConditions() []metav1.Condition
		}) func(Gomega) string {
			return func(g Gomega) string {
				g.Expect(here.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
				for _, c := range obj.GetConditions() {
					if c.Type == meta.ReadyCondition {
						return c.Reason + ": " + c.Message
					}
				}
				return ""
			}
		}
		Eventually(reason(export)).Should(And(HavePrefix(v1alpha1.CRDMissingReason), ContainSubstring("PGO's CRD"), ContainSubstring("namespace tazlab-db")))
		Eventually(reason(takeOver)).Should(HavePrefix(v1alpha1.SucceededReason))
		expectQuiet(log)

		By("PGO being installed")
		crds, err := controlplane.PGOCRDs(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(bare.ApplyYAML(ctx, crds)).To(Succeed())
		Eventually(reason(export)).Should(HavePrefix(v1alpha1.ClusterMissingReason))
	})
})

// expectStalled checks the answer of an object that was just read.
func expectStalled(ctx context.Context, obj interface {
	client.Object
	GetConditions() []metav1.Condition
}, reason string, words ...string) {
	GinkgoHelper()
	stalled := condition(ctx, obj, meta.StalledCondition)(Default)
	Expect(stalled).To(haveReason(metav1.ConditionTrue, reason))
	for _, word := range words {
		Expect(stalled.Message).To(ContainSubstring(word))
	}
	Expect(condition(ctx, obj, meta.ReconcilingCondition)(Default).Type).To(BeEmpty())
}

// aPlainSecret is no PostgreSQL user's, so that nothing has to be proven.
func aPlainSecret() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: databaseNamespace, Name: "plain"},
		Data:       map[string][]byte{"password": []byte(canaryPassword("plain")), "big": bytes.Repeat([]byte("x"), bigKey)},
	}
}

func plainExport(edits ...func(*v1alpha1.SecretExport)) *v1alpha1.SecretExport {
	return anExport("plain", append([]func(*v1alpha1.SecretExport){func(e *v1alpha1.SecretExport) {
		e.Spec.Source = v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: "plain"}}
	}}, edits...)...)
}

func fromPlain(imp *v1alpha1.SecretImport) { imp.Spec.From.Name = "plain" }

func targeted(name string) func(*v1alpha1.SecretImport) {
	return func(imp *v1alpha1.SecretImport) { imp.Spec.Target.Name = name }
}

func templated(key, text string) func(*v1alpha1.SecretImport) {
	return func(imp *v1alpha1.SecretImport) {
		imp.Spec.Target.Template = map[string]v1alpha1.TemplateText{key: v1alpha1.TemplateText(text)}
	}
}

// namespaceExists makes a namespace that stays: nothing else uses it.
func namespaceExists(ctx context.Context, name string) {
	GinkgoHelper()
	Expect(plane.ApplyYAML(ctx, namespaces(name))).To(Succeed())
}

// ofGroup returns the objects of an API group in a YAML stream.
func ofGroup(stream []byte, group string) []client.Object {
	GinkgoHelper()
	var out []client.Object
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	for {
		obj := &unstructured.Unstructured{}
		if err := decoder.Decode(&obj.Object); err != nil {
			Expect(err).To(MatchError("EOF"))
			return out
		}
		if obj.GroupVersionKind().Group == group {
			out = append(out, obj)
		}
	}
}
