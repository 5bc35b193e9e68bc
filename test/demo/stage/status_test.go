package stage

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
