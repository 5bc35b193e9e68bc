package readiness_test

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// makeNamespace makes one that no spec takes away again.
func makeNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	Expect(client.IgnoreAlreadyExists(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))).To(Succeed())
}

// gateIn creates a quick gate in that namespace.
func gateIn(ctx context.Context, namespace string) gate {
	GinkgoHelper()
	makeNamespace(ctx, namespace)
	g := aGate("network")
	g.Namespace = namespace
	createGate(ctx, g)
	return g
}

// giveRights does in the namespace what the chart does in the gates' own, but for the edits.
func giveRights(ctx context.Context, namespace string, edits ...func(*rbacv1.Role)) {
	GinkgoHelper()
	key := client.ObjectKey{Namespace: gateNamespace, Name: "readiness-gate-gates"}
	role, binding := &rbacv1.Role{}, &rbacv1.RoleBinding{}
	Expect(admin.Get(ctx, key, role)).To(Succeed())
	Expect(admin.Get(ctx, key, binding)).To(Succeed())
	for _, edit := range edits {
		edit(role)
	}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: key.Name}
	create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: role.Rules}, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: binding.RoleRef, Subjects: binding.Subjects})
}

var _ = Describe("A gate in a namespace without rights", func() {
	It("says what the chart's values lack, and holds up nobody", func(ctx SpecContext) {
		newCluster(ctx, 1)
		i := run(ctx)
		g := gateIn(ctx, "unlisted")
		newGate(ctx).expectOpen(ctx)
		g.expectShut(ctx, "no rights in namespace unlisted", "gateNamespaces: [{namespace: unlisted, configMaps: [network-ready]}]")
		Expect(g.ready(ctx).Reason).To(Equal(v1alpha1.NoRightsReason))
		Expect(apimeta.IsStatusConditionTrue(g.Status.Conditions, meta.StalledCondition)).To(BeTrue())
		Expect(i.ready()).To(Equal(http.StatusOK))
	})

	// Its namespace was made anew, say, and the Role is not back yet.
	It("says what the API server refuses, without a hot loop; holds up no other gate; and opens with the Role", func(ctx SpecContext) {
		newCluster(ctx, 1)
		g := gateIn(ctx, "reborn")
		i := run(ctx, func(s *settings) { s.gateNamespaces = []string{gateNamespace, "reborn"} })
		g.expectShut(ctx, "Role and RoleBinding in namespace reborn", `configmaps "network-ready" is forbidden`)
		Expect(g.ready(ctx).Reason).To(Equal(v1alpha1.NoRightsReason))
		Expect(apimeta.IsStatusConditionTrue(g.Status.Conditions, meta.StalledCondition)).To(BeTrue())
		asked := i.requests.Load()
		Consistently(i.requests.Load).Should(BeNumerically("<", asked+40), "no hot loop")
		Expect(i.ready()).To(Equal(http.StatusInternalServerError), "a stale verdict could be there, and nobody see it")

		first := newGate(ctx)
		first.expectOpen(ctx)
		deleted := first.verdict(ctx)
		Expect(admin.Delete(ctx, deleted)).To(Succeed())
		Eventually(func() error { return first.exists(ctx, "") }).WithTimeout(time.Second).Should(Succeed(), "it is watched all the same")

		giveRights(ctx, "reborn")
		g.patch(ctx, func() { g.Annotations = map[string]string{meta.ReconcileRequestAnnotation: "now"} })
		g.expectOpen(ctx)
		Eventually(i.ready).Should(Equal(http.StatusOK))
	})

	It("is shut in its status when the rights are taken away, and goes on when they are back", func(ctx SpecContext) {
		newCluster(ctx, 1)
		makeNamespace(ctx, "reborn")
		giveRights(ctx, "reborn")
		run(ctx, func(s *settings) { s.gateNamespaces = []string{gateNamespace, "reborn"} })
		g := gateIn(ctx, "reborn")
		g.expectOpen(ctx)
		verdict := g.verdict(ctx)
		binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "reborn", Name: "readiness-gate-gates"}}
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(binding), binding)).To(Succeed())
		remove(ctx, binding)
		Eventually(func() string { return g.ready(ctx).Reason }).Should(Equal(v1alpha1.NoRightsReason))
		Expect(g.Status.Open).To(BeFalse())

		binding.ResourceVersion = ""
		create(ctx, binding)
		g.patch(ctx, func() { g.Annotations = map[string]string{meta.ReconcileRequestAnnotation: "again"} })
		g.expectOpen(ctx)
		Expect(g.verdict(ctx).UID).To(Equal(verdict.UID))
	})

	// Of a Role of one's own, say, that lists the verdict alone.
	It("is open in its status as well when no more than the report is refused, and says so", func(ctx SpecContext) {
		newCluster(ctx, 1)
		makeNamespace(ctx, "reborn")
		giveRights(ctx, "reborn", func(role *rbacv1.Role) {
			for i := range role.Rules {
				if slices.Contains(role.Rules[i].Verbs, "update") {
					role.Rules[i].ResourceNames = []string{"network-ready"}
				}
			}
		})
		run(ctx, func(s *settings) { s.gateNamespaces = []string{gateNamespace, "reborn"} })
		g := gateIn(ctx, "reborn")
		Eventually(func() string { return g.ready(ctx).Message }).Should(And(
			ContainSubstring("carries traffic on 1 of 1 nodes"), ContainSubstring(`configmaps "network-ready-report" is forbidden`)))
		Expect(g.Status.Open).To(BeTrue())
		g.verdict(ctx)
	})
})
