package stage

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestStage(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The demo's stage")
}

var _ = DescribeTable("The state that conditions say",
	func(want string, conditions ...metav1.Condition) { Expect(StatusOf(conditions).State).To(Equal(want)) },
	Entry("none", ""),
	Entry("ready", "Ready", metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue}),
	Entry("waiting", "Reconciling", metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse}),
	Entry("stalled", "Stalled", metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse}, metav1.Condition{Type: "Stalled", Status: metav1.ConditionTrue}),
)

var _ = Describe("A Kustomization of the shipped examples", func() {
	var s *Stage
	BeforeEach(func() {
		var err error
		s, err = New(Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.Stop)
	})

	It("is as a user copies it, but for his edits", func() {
		k, err := s.Kustomization("secret-sync", "secret-sync", DependingOn("readiness-gate"), Patched("[{patch: one}]"), Patched("[{patch: two}]"))
		Expect(err).NotTo(HaveOccurred())
		Expect(k.Object).To(HaveKeyWithValue("spec", And(
			HaveKeyWithValue("path", "./manifests/secret-sync"),
			HaveKeyWithValue("dependsOn", HaveExactElements(HaveKeyWithValue("name", "namespaces"), HaveKeyWithValue("name", "readiness-gate"))),
			HaveKeyWithValue("patches", HaveExactElements(HaveKeyWithValue("patch", "one"), HaveKeyWithValue("patch", "two"))),
		)))
	})

	It("is missed by its name", func() {
		_, err := s.Kustomization("secret-sync", "nobody")
		Expect(err).To(MatchError(ContainSubstring("holds no Kustomization nobody")))
	})

	It("keeps its status while it only passes through another", func() {
		ready := Status{State: "Ready", Reason: "ReconciliationSucceeded"}
		object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": []any{
			map[string]any{"type": "Ready", "status": "Unknown", "reason": "Progressing"},
		}}}}
		Expect(FluxStatus(ready, object, false)).To(Equal(ready))
		Expect(FluxStatus(ready, object, true)).To(Equal(Status{}), "it is gone")
	})
})
