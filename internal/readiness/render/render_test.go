package render_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/render"
)

var (
	began = time.Date(2026, 3, 1, 10, 0, 0, 5e8, time.FixedZone("CET", 3600))
	gate  = &v1alpha1.ReadinessGate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "flux-system", Name: "network", UID: "gate-1", Generation: 7},
		Spec:       v1alpha1.ReadinessGateSpec{Publish: v1alpha1.PublishSpec{ConfigMapName: "network-ready"}},
	}
)

func failure(node, check, message string) evaluate.Failure {
	return evaluate.Failure{Node: node, Check: check, Message: message}
}

// broken is a round in which something of each kind is wrong.
func broken() evaluate.Round {
	return evaluate.Round{
		Total: 4, Eligible: 3, Passing: 2, Nodes: []string{"n1", "n2", "n3", "n4"},
		Cluster:  []evaluate.Failure{failure("", evaluate.CheckDNS, "CoreDNS crashes")},
		Failures: []evaluate.Failure{failure("n2", evaluate.CheckPeers, "the agent on node n1: Timeout")},
		Reported: []evaluate.Failure{failure("n1", evaluate.CheckEndpoint, "endpoint vault: NXDomain")},
		Excused:  []evaluate.Failure{failure("n4", evaluate.CheckNodes, "off for long")},
	}
}

func bytesOf(cm *corev1.ConfigMap) string {
	text, err := yaml.Marshal(cm)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

var _ = Describe("The verdict", func() {
	verdict := func() *corev1.ConfigMap { return render.Verdict(gate, 6, "cluster-1", began) }

	It("says ready, by which spec, since when and where", func() {
		Expect(verdict().Data).To(Equal(map[string]string{
			"ready": "true", "generation": "6", "since": "2026-03-01T09:00:00Z", "cluster_uid": "cluster-1",
		}))
	})

	It("is read back by a new process", func() {
		since, generation := render.ReadVerdict(verdict())
		Expect(since).To(BeTemporally("==", began.Truncate(time.Second)))
		Expect(generation).To(BeEquivalentTo(6))
	})

	It("that somebody edited is as old as its object, and no spec's", func() {
		cm := verdict()
		cm.CreationTimestamp, cm.Data = metav1.NewTime(began), map[string]string{"since": "today", "generation": "6a"}
		since, generation := render.ReadVerdict(cm)
		Expect(since).To(Equal(began))
		Expect(generation).To(BeZero())
	})

	It("has keys that Flux can substitute", func() {
		for key := range verdict().Data {
			Expect(key).To(MatchRegexp(`^[_a-zA-Z][_a-zA-Z0-9]*$`))
		}
	})

	It("has Flux look at once when it comes or goes", func() {
		Expect(verdict().Labels).To(HaveKeyWithValue("reconcile.fluxcd.io/watch", "Enabled"))
	})

	It("is the gate's own, so that it goes with it", func() {
		cm := verdict()
		Expect(cm.Namespace + "/" + cm.Name).To(Equal("flux-system/network-ready"))
		Expect(cm.Labels).To(HaveKeyWithValue(v1alpha1.ManagedByLabel, "readiness-gate"))
		owner := metav1.GetControllerOf(cm)
		Expect(owner).NotTo(BeNil())
		Expect(owner.Kind + "/" + owner.Name).To(Equal("ReadinessGate/network"))
		Expect(owner.UID).To(BeEquivalentTo("gate-1"))
	})

	It("is the same bytes each time, in whatever zone the clock is", func() {
		Expect(bytesOf(render.Verdict(gate, 6, "cluster-1", began.UTC()))).To(Equal(bytesOf(verdict())))
	})
})

var _ = Describe("The report", func() {
	report := func(round evaluate.Round, entries []render.Entry) *corev1.ConfigMap {
		return render.Report(gate, "Shut", "dns: CoreDNS crashes", "Flannel: it is there", round, entries)
	}

	It("stands beside the verdict under another name, and says no ready", func() {
		cm := report(broken(), nil)
		Expect(cm.Name).To(Equal("network-ready-report"))
		Expect(cm.Data).NotTo(HaveKey("ready"))
		Expect(cm.Labels).NotTo(HaveKey("reconcile.fluxcd.io/watch"), "Flux need not look at each change of it")
	})

	It("says in words what state the gate is in", func() {
		cm := report(broken(), nil)
		Expect(cm.Data).To(And(HaveKeyWithValue("state", "Shut"), HaveKeyWithValue("summary", "dns: CoreDNS crashes"),
			HaveKeyWithValue("cni", "Flannel: it is there"), HaveKeyWithValue("nodes", "2 of 3 nodes that count pass; 4 exist"),
			HaveKeyWithValue("report", "every check passes on every node\n")))
	})

	It("of a gate that is not worked on says why, and nothing of nodes", func() {
		cm := render.Refusal(gate, "Conflict", "it is not this gate's")
		Expect(cm.Name).To(Equal("network-ready-report"))
		Expect(cm.Data).To(Equal(map[string]string{
			"state": "Conflict", "summary": "it is not this gate's", "report": "nothing is checked: it is not this gate's\n",
		}))
	})

	It("names node, check, moment, cause and what to do, what keeps the gate shut first", func() {
		text := report(broken(), render.Entries(broken(), nil, began)).Data["report"]
		Expect(text).To(Equal(`(cluster)  dns  failing since 2026-03-01T09:00:00Z
    CoreDNS crashes
    usual cause: ` + render.Hint(evaluate.CheckDNS) + `
n2  peers  failing since 2026-03-01T09:00:00Z
    the agent on node n1: Timeout
    usual cause: ` + render.Hint(evaluate.CheckPeers) + `
n1  endpoint  reported since 2026-03-01T09:00:00Z
    endpoint vault: NXDomain
    usual cause: ` + render.Hint(evaluate.CheckEndpoint) + `
n4  nodes  excused since 2026-03-01T09:00:00Z
    off for long
`))
	})

	It("is the same bytes later, as long as the same is wrong: nothing is written", func() {
		first := render.Entries(broken(), nil, began)
		later := render.Entries(broken(), first, began.Add(time.Hour))
		Expect(later).To(Equal(first))
		Expect(bytesOf(report(broken(), later))).To(Equal(bytesOf(report(broken(), first))))
	})

	It("stays far below what a ConfigMap can hold, says how much more there is, and hides nothing that keeps the gate shut", func() {
		round := evaluate.Round{}
		for i := range 5000 {
			round.Reported = append(round.Reported, failure(fmt.Sprintf("a%d", i), evaluate.CheckEndpoint, strings.Repeat("x", 1000)))
		}
		round.Failures = []evaluate.Failure{failure("z", evaluate.CheckCNI, "crashes")}
		text := report(round, render.Entries(round, nil, began)).Data["report"]
		Expect(len(text)).To(BeNumerically("<", 900_000))
		Expect(text).To(HavePrefix("z  cni  failing"))
		Expect(text).To(HaveSuffix("and 4501 more\n"))
	})
})

var _ = Describe("A report in a script of many bytes", func() {
	It("stays below what a ConfigMap can hold", func() {
		round := evaluate.Round{}
		for i := range 500 {
			round.Failures = append(round.Failures, failure(fmt.Sprint("n", i), evaluate.CheckNodes, strings.Repeat("網", 1000)))
		}
		text := render.Report(gate, "Shut", "", "", round, render.Entries(round, nil, began)).Data["report"]
		Expect(len(text)).To(BeNumerically("<", 1<<20))
		Expect(text).To(MatchRegexp(`and \d+ more\n$`))
	})
})

var _ = Describe("An entry", func() {
	since := func(entries []render.Entry) map[string]time.Time {
		out := map[string]time.Time{}
		for _, e := range entries {
			out[e.Node+" "+e.Check] = e.Since
		}
		return out
	}

	It("keeps the moment at which its check began to fail, though the words change", func() {
		first := render.Entries(broken(), nil, began)
		changed := broken()
		changed.Failures[0].Message = "the agent on node n3: Timeout"
		Expect(since(render.Entries(changed, first, began.Add(time.Minute)))).To(HaveKeyWithValue("n2 peers", began))
	})

	It("of another check or another node begins now", func() {
		first := render.Entries(broken(), nil, began)
		other := evaluate.Round{Failures: []evaluate.Failure{failure("n2", evaluate.CheckDNS, ""), failure("n3", evaluate.CheckPeers, "")}}
		later := began.Add(time.Minute)
		Expect(since(render.Entries(other, first, later))).To(Equal(map[string]time.Time{"n2 dns": later, "n3 peers": later}))
	})

	It("that healed and fails again begins anew", func() {
		healed := render.Entries(evaluate.Round{}, render.Entries(broken(), nil, began), began.Add(time.Minute))
		Expect(healed).To(BeEmpty())
		Expect(since(render.Entries(broken(), healed, began.Add(time.Hour)))).To(HaveKeyWithValue("n2 peers", began.Add(time.Hour)))
	})

	It("is recalled from the status by a new process", func() {
		status := v1alpha1.ReadinessGateStatus{Failing: render.ForStatus(render.Entries(broken(), nil, began))}
		again := render.Entries(broken(), render.Recalled(status), began.Add(time.Hour))
		Expect(since(again)["n2 peers"]).To(BeTemporally("==", began.Truncate(time.Second)))
		Expect(since(again)["n4 nodes"]).To(Equal(began.Add(time.Hour)), "a status lists none that is excused")
	})
})

var _ = Describe("The status", func() {
	It("lists what fails first, then what is only reported, and none that is excused", func() {
		var checks []string
		for _, f := range render.ForStatus(render.Entries(broken(), nil, began)) {
			checks = append(checks, f.Node+" "+f.Check)
			Expect(f.Since.Time).To(BeTemporally("==", began.Truncate(time.Second)), "in whole seconds, as it is read back")
		}
		Expect(checks).To(Equal([]string{" dns", "n2 peers", "n1 endpoint"}))
	})

	It("says what usually causes it", func() {
		Expect(render.ForStatus(render.Entries(broken(), nil, began))[0]).To(And(
			HaveField("Message", "CoreDNS crashes"), HaveField("UsualCause", render.Hint(evaluate.CheckDNS))))
	})

	It("lists no more than the CRD allows", func() {
		round := evaluate.Round{}
		for i := range 100 {
			round.Failures = append(round.Failures, failure(fmt.Sprint("n", i), evaluate.CheckCNI, ""))
		}
		Expect(render.ForStatus(render.Entries(round, nil, began))).To(HaveLen(20))
	})
})

var _ = Describe("A hint", func() {
	It("is there for each check that has a usual cause, and each has its own", func() {
		seen := map[string]string{}
		for _, check := range []string{
			evaluate.CheckAPI, evaluate.CheckCNI, evaluate.CheckAgent, evaluate.CheckSandbox, evaluate.CheckDNS, evaluate.CheckService, evaluate.CheckPeers, evaluate.CheckEndpoint,
		} {
			hint := render.Hint(check)
			Expect(hint).NotTo(BeEmpty(), check)
			Expect(seen).NotTo(HaveKey(hint))
			seen[hint] = check
		}
		Expect(render.Hint(evaluate.CheckNodes)).To(BeEmpty(), "its message says all")
	})
})
