package metrics_test

import (
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/metrics"
)

func TestMetrics(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "metrics")
}

var _ = Describe("The metrics", func() {
	It("show whether each gate is open, and its nodes", func() {
		scheme := runtime.NewScheme()
		Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
		gate := &v1alpha1.ReadinessGate{
			ObjectMeta: metav1.ObjectMeta{Namespace: "flux-system", Name: "network"},
			Status:     v1alpha1.ReadinessGateStatus{Open: true, Nodes: v1alpha1.GateNodeCounts{Total: 3, Eligible: 2, Passing: 1}},
		}
		objects := metrics.NewObjects(fake.NewClientBuilder().WithScheme(scheme).WithObjects(gate).Build())
		Expect(testutil.CollectAndCompare(objects, strings.NewReader(`
# HELP readiness_gate_nodes Nodes that exist (total), that count (eligible), and that pass every check (passing).
# TYPE readiness_gate_nodes gauge
readiness_gate_nodes{name="network",namespace="flux-system",state="eligible"} 2
readiness_gate_nodes{name="network",namespace="flux-system",state="passing"} 1
readiness_gate_nodes{name="network",namespace="flux-system",state="total"} 3
# HELP readiness_gate_open 1 while the gate's verdict is published, 0 otherwise.
# TYPE readiness_gate_open gauge
readiness_gate_open{name="network",namespace="flux-system"} 1
`))).To(Succeed())
		problems, err := testutil.CollectAndLint(objects)
		Expect(err).NotTo(HaveOccurred())
		Expect(problems).To(BeEmpty())
	})

	It("show how long rounds take, with controller-runtime's metrics", func() {
		metrics.RoundDuration.Observe(.2)
		Expect(testutil.GatherAndCount(ctrlmetrics.Registry, "readiness_gate_round_duration_seconds")).To(Equal(1))
	})
})
