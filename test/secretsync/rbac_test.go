package secretsync_test

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/grants"
)

// right is one question to the API server.
func right(verb, group, resource, namespace, name string) authorizationv1.ResourceAttributes {
	return authorizationv1.ResourceAttributes{Verb: verb, Group: group, Resource: resource, Namespace: namespace, Name: name}
}

const (
	ourGroup    = "rebirth.tazlab.net"
	pgoGroup    = "postgres-operator.crunchydata.com"
	esoGroup    = "external-secrets.io"
	leaderLease = "secret-sync-leader-election"
)

var _ = Describe("The chart's rights", func() {
	DescribeTable("of the ServiceAccount", func(ctx context.Context, allowed bool, asked authorizationv1.ResourceAttributes) {
		ours, err := client.New(chartConfig(ctx), client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &asked}}
		Expect(ours.Create(ctx, review)).To(Succeed())
		Expect(review.Status.Allowed).To(Equal(allowed))
	},
		Entry("read a source", true, right("get", "", "secrets", databaseNamespace, "any")),
		Entry("watch sources", true, right("watch", "", "secrets", databaseNamespace, "")),
		Entry("repair a source (repair: true)", true, right("patch", "", "secrets", databaseNamespace, "any")),
		Entry("not rewrite a source", false, right("update", "", "secrets", databaseNamespace, "any")),
		Entry("not create a Secret beside a source", false, right("create", "", "secrets", databaseNamespace, "any")),
		Entry("not delete a source", false, right("delete", "", "secrets", databaseNamespace, "any")),
		Entry("read PostgresClusters", true, right("list", pgoGroup, "postgresclusters", databaseNamespace, "")),
		Entry("not change a PostgresCluster", false, right("patch", pgoGroup, "postgresclusters", databaseNamespace, "any")),
		Entry("not restart anything beside a database", false, right("patch", "apps", "deployments", databaseNamespace, "any")),
		Entry("write a mirror", true, right("update", "", "secrets", consumerNamespace, "any")),
		Entry("delete a mirror", true, right("delete", "", "secrets", consumerNamespace, "any")),
		Entry("restart a Deployment", true, right("patch", "apps", "deployments", consumerNamespace, "any")),
		Entry("not delete a Deployment", false, right("delete", "apps", "deployments", consumerNamespace, "any")),
		Entry("not rewrite a Deployment", false, right("update", "apps", "deployments", consumerNamespace, "any")),
		Entry("see pods", true, right("list", "", "pods", consumerNamespace, "")),
		Entry("not delete pods", false, right("delete", "", "pods", consumerNamespace, "any")),
		Entry("not enter pods", false, right("create", "", "pods/exec", consumerNamespace, "any")),
		Entry("freeze an ExternalSecret (freeze: true)", true, right("patch", esoGroup, "externalsecrets", consumerNamespace, "any")),
		Entry("not delete an ExternalSecret", false, right("delete", esoGroup, "externalsecrets", consumerNamespace, "any")),
		Entry("read exports everywhere", true, right("watch", ourGroup, "secretexports", "", "")),
		Entry("report on imports everywhere", true, right("patch", ourGroup, "secretimports/status", "default", "any")),
		Entry("not change an import's spec", false, right("patch", ourGroup, "secretimports", consumerNamespace, "any")),
		Entry("not create an export", false, right("create", ourGroup, "secretexports", databaseNamespace, "any")),
		Entry("its Lease", true, right("update", "coordination.k8s.io", "leases", releaseNamespace, leaderLease)),
		Entry("not another's Lease", false, right("update", "coordination.k8s.io", "leases", releaseNamespace, "other")),
		Entry("not Secrets everywhere", false, right("list", "", "secrets", "", "")),
		Entry("not Secrets elsewhere", false, right("get", "", "secrets", "kube-system", "any")),
		Entry("not Secrets beside itself", false, right("get", "", "secrets", releaseNamespace, "any")),
		Entry("not give itself rights", false, right("create", "rbac.authorization.k8s.io", "rolebindings", consumerNamespace, "")),
		Entry("not act as somebody else", false, right("impersonate", "", "users", "", "admin")),
		Entry("not make tokens", false, right("create", "", "serviceaccounts/token", consumerNamespace, "default")),
	)

	It("hold no Secret in a ClusterRole, unless clusterWide", func(ctx context.Context) {
		Expect(clusterRolesOnSecrets(ctx, chartValues())).To(BeEmpty())
		Expect(clusterRolesOnSecrets(ctx, map[string]any{})).To(BeEmpty())
		Expect(clusterRolesOnSecrets(ctx, map[string]any{"clusterWide": true})).NotTo(BeEmpty())
	})

	It("by name suffice from the proof to the mirror, and watch no other Secret", func(ctx context.Context) {
		const here, there, release = "named-db", "named-consumer", "named-system"
		Expect(plane.ApplyYAML(ctx, namespaces(here, there, release))).To(Succeed())
		cluster := played.Cluster(here, "tazlab-db", "named")
		secrets := []any{cluster.SecretName("named"), "tazlab-db-cluster-cert"}
		chart, err := plane.RenderChart(ctx, chartDir, "named", release, map[string]any{
			"exports": []any{map[string]any{"namespace": here, "secrets": secrets}},
			"imports": []any{map[string]any{"namespace": there}},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(plane.ApplyYAMLIn(ctx, release, chart)).To(Succeed())
		config, err := plane.ServiceAccountConfig(ctx, release, "named-secret-sync")
		Expect(err).NotTo(HaveOccurred())
		granted, err := grants.Parse([]string{here + "/" + cluster.SecretName("named"), here + "/tazlab-db-cluster-cert"}, []string{there})
		Expect(err).NotTo(HaveOccurred())
		log := &requests{}
		run(ctx, settings{config: config, grants: &granted, wrap: log.wrap})

		DeferCleanup(func(ctx context.Context) {
			Expect(cluster.Delete(ctx)).To(Succeed())
			Expect(database.DropRole(ctx, "named")).To(Succeed())
		})
		Expect(cluster.Create(ctx, false)).To(Succeed())
		Expect(cluster.Initdb(ctx)).To(Succeed())
		export := anExport("named", func(e *v1alpha1.SecretExport) { e.Namespace, e.Spec.To[0].Namespace = here, there })
		imp := anImport("named", targeted("named"), func(i *v1alpha1.SecretImport) { i.Namespace, i.Spec.From.Namespace = there, here })
		create(ctx, export, imp)
		mirrored := func(g Gomega) string {
			mirror := &corev1.Secret{}
			g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: there, Name: "named"}, mirror)).To(Succeed())
			g.Expect(mirror.Data).To(HaveKey("ca.crt"))
			return string(mirror.Data["password"])
		}
		for range 2 { // the second time it takes the watch to notice
			password, err := cluster.Password(ctx, "named")
			Expect(err).NotTo(HaveOccurred())
			Eventually(mirrored).Should(Equal(password))
			Expect(cluster.Rotate(ctx, "named")).To(Succeed())
		}
		Expect(log.all()).NotTo(ContainElement("GET /api/v1/secrets"))

		By("an export of a Secret that isn't listed")
		other := anExport("other", func(e *v1alpha1.SecretExport) {
			e.Namespace, e.Spec.To[0].Namespace = here, there
			e.Spec.Source = v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: "other"}}
		})
		create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here, Name: "other"}}, other)
		Eventually(ready(ctx, other)).Should(And(haveReason(metav1.ConditionFalse, v1alpha1.NoRightsReason),
			HaveField("Message", ContainSubstring("Secret named-db/other"))))
		Expect(slices.Contains(log.all(), "GET /api/v1/namespaces/named-db/secrets/other")).To(BeFalse())
	})

	It("may be missing in one namespace without stopping another, and work once they are there", func(ctx context.Context) {
		const late = "late-db"
		Expect(plane.ApplyYAML(ctx, namespaces(late))).To(Succeed())
		granted, err := grants.Parse([]string{databaseNamespace, late}, []string{consumerNamespace})
		Expect(err).NotTo(HaveOccurred())
		run(ctx, settings{grants: &granted})
		inLate := func(e *v1alpha1.SecretExport) { e.Namespace = late }
		secret := aPlainSecret()
		secret.Namespace = late
		export := plainExport(inLate)
		imp := anImport("late", targeted("late"), func(i *v1alpha1.SecretImport) { i.Spec.From = v1alpha1.ExportReference{Namespace: late, Name: "plain"} })
		create(ctx, secret, export, imp)
		Eventually(ready(ctx, export)).Should(And(haveReason(metav1.ConditionFalse, v1alpha1.NoRightsReason),
			HaveField("Message", And(ContainSubstring("namespace late-db"), ContainSubstring("is the Role there?")))))
		mirroredGrafana(ctx)

		role := &rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Namespace: late, Name: "late"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "watch"}}},
		}
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: late, Name: "late"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "late"},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: releaseNamespace, Name: "secret-sync"}},
		}
		create(ctx, role, binding)
		Eventually(ready(ctx, imp)).WithTimeout(45 * time.Second).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
	})
})

// clusterRolesOnSecrets names the chart's ClusterRoles with a right on Secrets.
func clusterRolesOnSecrets(ctx context.Context, values map[string]any) []string {
	GinkgoHelper()
	var out []string
	for _, obj := range ofGroup(renderChart(ctx, values), rbacv1.GroupName) {
		if obj.GetObjectKind().GroupVersionKind().Kind != "ClusterRole" {
			continue
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
		Expect(err).NotTo(HaveOccurred())
		role := &rbacv1.ClusterRole{}
		Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(content, role)).To(Succeed())
		for _, rule := range role.Rules {
			if slices.Contains(rule.Resources, "secrets") || slices.Contains(rule.Resources, "*") {
				out = append(out, role.Name)
			}
		}
	}
	return out
}
