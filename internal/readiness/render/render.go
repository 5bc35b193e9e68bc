// Package render writes what a gate publishes: the verdict, a ConfigMap that exists
// only while the network is ready, and the report, one that always exists and that
// a person reads. It is pure and deterministic: the same verdict gives the same
// bytes, so that nothing is written that changes nothing.
package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/evaluate"
)

const (
	// WatchLabel has Flux reconcile at once when a ConfigMap in substituteFrom
	// changes (kustomize-controller, since v1.7).
	WatchLabel = "reconcile.fluxcd.io/watch"
	watchValue = "Enabled"
	// ReportSuffix is behind the verdict's name in the report's.
	ReportSuffix = "-report"
)

// Verdict is the ConfigMap that says ready, by the gate's spec of that generation. Its
// keys are valid names of variables, since Flux substitutes them.
func Verdict(gate *v1alpha1.ReadinessGate, generation int64, clusterUID string, since time.Time) *corev1.ConfigMap {
	return configMap(gate, gate.Spec.Publish.ConfigMapName, map[string]string{WatchLabel: watchValue}, map[string]string{
		"ready":       "true",
		"generation":  strconv.FormatInt(generation, 10),
		"since":       since.UTC().Format(time.RFC3339),
		"cluster_uid": clusterUID,
	})
}

// ReadVerdict is since when a verdict is given, and by which generation of the spec.
// One that somebody edited is taken for as old as it is, and for no generation's.
func ReadVerdict(verdict *corev1.ConfigMap) (since time.Time, generation int64) {
	since, err := time.Parse(time.RFC3339, verdict.Data["since"])
	if err != nil {
		since = verdict.CreationTimestamp.Time
	}
	generation, err = strconv.ParseInt(verdict.Data["generation"], 10, 64)
	if err != nil {
		generation = 0
	}
	return since, generation
}

// Kind says what an entry means for the gate. Kinds are in the report's order.
type Kind int

// The kinds of entries.
const (
	// Failing keeps the gate from opening, or shuts it.
	Failing Kind = iota
	// Reported keeps nothing shut.
	Reported
	// Excused is a node that does not count.
	Excused
)

func (k Kind) String() string { return [...]string{"failing", "reported", "excused"}[k] }

// Entry is one line of the report.
type Entry struct {
	evaluate.Failure
	// Since is when the check began to fail.
	Since time.Time
	Kind  Kind
}

// Report is the ConfigMap that a person reads. It changes only when what it says
// does: it names moments, not durations.
func Report(gate *v1alpha1.ReadinessGate, state, message, cni string, round evaluate.Round, entries []Entry) *corev1.ConfigMap {
	return configMap(gate, gate.Spec.Publish.ConfigMapName+ReportSuffix, nil, map[string]string{
		"state":   state,
		"summary": message,
		"cni":     cni,
		"nodes":   fmt.Sprintf("%d of %d nodes that count pass; %d exist", round.Passing, round.Eligible, round.Total),
		"report":  table(entries),
	})
}

// Refusal is the report of a gate that is not worked on, in words of the same kind.
func Refusal(gate *v1alpha1.ReadinessGate, state, message string) *corev1.ConfigMap {
	return configMap(gate, gate.Spec.Publish.ConfigMapName+ReportSuffix, nil, map[string]string{
		"state":   state,
		"summary": message,
		"report":  "nothing is checked: " + message + "\n",
	})
}

// Recalled are the entries that a status still knows: the start of a new process'
// own, which has more of them than a status holds.
func Recalled(status v1alpha1.ReadinessGateStatus) []Entry {
	var out []Entry
	for _, f := range status.Failing {
		out = append(out, Entry{Failure: evaluate.Failure{Node: f.Node, Check: f.Check, Message: f.Message}, Since: f.Since.Time})
	}
	return out
}

// Entries merges a round with the entries before it: a check that still fails keeps
// the moment at which it began.
func Entries(round evaluate.Round, before []Entry, now time.Time) []Entry {
	began := map[[2]string]time.Time{}
	for _, e := range before {
		began[[2]string{e.Node, e.Check}] = e.Since
	}
	var out []Entry
	add := func(kind Kind, failures []evaluate.Failure) {
		for _, f := range failures {
			since, ok := began[[2]string{f.Node, f.Check}]
			if !ok {
				since = now
			}
			out = append(out, Entry{Failure: f, Since: since, Kind: kind})
		}
	}
	add(Failing, round.Cluster)
	add(Failing, round.Failures)
	add(Reported, round.Reported)
	add(Excused, round.Excused)
	return out
}

// ForStatus is the part of entries that the status lists: as many as the CRD allows.
func ForStatus(entries []Entry) []v1alpha1.GateFailure {
	const most = 20
	var out []v1alpha1.GateFailure
	for _, e := range entries {
		if e.Kind == Excused || len(out) == most {
			continue
		}
		out = append(out, v1alpha1.GateFailure{
			Node: e.Node, Check: e.Check, Message: e.Message, UsualCause: Hint(e.Check), Since: metav1.NewTime(e.Since).Rfc3339Copy(),
		})
	}
	return out
}

// What keeps the report below a ConfigMap's limit of 1 MiB, in whatever script a
// message is.
const (
	maxEntries = 500
	maxBytes   = 900_000
)

func table(entries []Entry) string {
	if len(entries) == 0 {
		return "every check passes on every node\n"
	}
	sorted := slices.SortedStableFunc(slices.Values(entries), func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Check, b.Check))
	})
	var out strings.Builder
	for i, e := range sorted {
		if i == maxEntries || out.Len() > maxBytes {
			fmt.Fprintf(&out, "and %d more\n", len(sorted)-i)
			break
		}
		fmt.Fprintf(&out, "%s  %s  %s since %s\n    %s\n", cmp.Or(e.Node, "(cluster)"), e.Check, e.Kind, e.Since.UTC().Format(time.RFC3339), e.Message)
		if hint := Hint(e.Check); e.Kind != Excused && hint != "" {
			fmt.Fprintf(&out, "    usual cause: %s\n", hint)
		}
	}
	return out.String()
}

// Hint is what usually causes a check to fail, and where to look.
func Hint(check string) string {
	switch check {
	case evaluate.CheckCNI:
		return "the network plugin's pod on that node has not started or can't reach the API server; read its log"
	case evaluate.CheckSandbox:
		return "the plugin's configuration in /etc/cni/net.d is missing or stale, or its subnet file is, or its bridge (cni0) has the addresses that the node had before; read the kubelet's log and the events FailedCreatePodSandBox"
	case evaluate.CheckDNS:
		return "CoreDNS crashes after a mistake in its Corefile, or the node can't reach its endpoints: kube-proxy or the plugin's routes"
	case evaluate.CheckService:
		return "kube-proxy (or what replaces it) has not programmed the service's address on that node"
	case evaluate.CheckPeers:
		return "the overlay between nodes is blocked (UDP 8472 for VXLAN), or its MTU is larger than the network's"
	case evaluate.CheckAgent:
		return "the agent's pod can't be scheduled or started there, or pods there can't be reached from the controller"
	case evaluate.CheckAPI:
		return "the API server is restarting, or the Roles of readiness-gate's chart are missing in a namespace"
	case evaluate.CheckEndpoint:
		return "the service outside of the cluster is down, or the way to it (a tailnet, a route) is not up yet"
	}
	return ""
}

// OwnedBy are the owner references of what the gate publishes: it goes with the gate.
func OwnedBy(gate *v1alpha1.ReadinessGate) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(gate, v1alpha1.GroupVersion.WithKind(v1alpha1.ReadinessGateKind))}
}

func configMap(gate *v1alpha1.ReadinessGate, name string, labels, data map[string]string) *corev1.ConfigMap {
	all := map[string]string{v1alpha1.ManagedByLabel: "readiness-gate"}
	for key, value := range labels {
		all[key] = value
	}
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: gate.Namespace, Name: name, Labels: all,
			OwnerReferences: OwnedBy(gate),
		},
		Data: data,
	}
}
