package canary

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

// wants are those of so many nodes.
func wants(n int, routine bool) []Want {
	var out []Want
	for i := range n {
		out = append(out, Want{Node: fmt.Sprintf("n%02d", i), Routine: routine})
	}
	return out
}

func nodes(wants []Want) []string {
	out := []string{}
	for _, w := range wants {
		out = append(out, w.Node)
	}
	return out
}

var _ = Describe("The nodes that get a canary pod", func() {
	It("are those that want one", func() {
		Expect(nodes(plan(began, wants(2, false), nil))).To(ConsistOf("n00", "n01"))
	})

	It("are none on which one is under way", func() {
		Expect(nodes(plan(began, wants(2, false), list(sent("n01", began))))).To(Equal([]string{"n00"}))
		running := sent("n01", began)
		running.Status.Phase, running.Spec.NodeName = corev1.PodRunning, "n01"
		Expect(nodes(plan(began, wants(2, false), list(running)))).To(Equal([]string{"n00"}))
	})

	It("are not kept from it by one that has ended", func() {
		Expect(nodes(plan(began, wants(1, true), list(succeeded("n00", began.Add(-time.Hour)))))).To(Equal([]string{"n00"}))
	})

	It("are none where the last one has proven nothing, until that is removed", func() {
		failed := sent("n00", began)
		failed.Status.Phase = corev1.PodFailed
		Expect(nodes(plan(began, wants(2, true), list(failed)))).To(Equal([]string{"n01"}))
	})

	DescribeTable("are so few that never more than ten are under way",
		func(underWay, expected int) {
			var canaries []*corev1.Pod
			for i := range underWay {
				canaries = append(canaries, sent(fmt.Sprint("other", i), began))
			}
			Expect(plan(began, wants(30, false), list(canaries...))).To(HaveLen(expected))
		},
		Entry("with none", 0, 10), Entry("with some", 7, 3), Entry("with all", 10, 0), Entry("with more than there should be", 12, 0),
	)

	It("count those that take too long, as long as they are there", func() {
		var canaries []*corev1.Pod
		for i := range atOnce {
			canaries = append(canaries, sent(fmt.Sprint("other", i), began.Add(-time.Hour)))
		}
		Expect(plan(began, wants(1, false), list(canaries...))).To(BeEmpty())
	})

	It("are first those without a proof, whatever their names", func() {
		needed := Want{Node: "z"}
		Expect(nodes(plan(began, append(wants(30, true), needed), nil))[0]).To(Equal("z"))
	})

	It("leave places to routine, whatever the nodes on which none can start", func() {
		routine := Want{Node: "z", Routine: true}
		Expect(nodes(plan(began, append(wants(30, false), routine), nil))).To(And(HaveLen(9), ContainElement("z")))
		var stuck []*corev1.Pod
		for i := range atOnce - forRoutine {
			stuck = append(stuck, sent(fmt.Sprint("other", i), began))
		}
		Expect(nodes(plan(began, append(wants(30, false), routine), list(stuck...)))).To(Equal([]string{"z"}))
		Expect(plan(began, wants(30, false), list(stuck...))).To(HaveLen(2), "without routine there is none to wait for")
	})

	It("are others in turn, so that nodes without room don't keep the rest from it", func() {
		served := map[string]bool{}
		for turn := range 5 { // three would do, were not those left out that have been served
			now := began.Add(time.Duration(turn) * lives)
			for _, node := range nodes(plan(now, wants(25, false), nil)) {
				served[node] = true
			}
		}
		Expect(served).To(HaveLen(25))
	})

	It("are all of 1000 within half an hour, though each wants one again a minute after the last", func() {
		const count, round = 1000, 10 * time.Second
		all := wants(count, true)
		for i := range all {
			all[i].Node, all[i].Proven = fmt.Sprintf("n%04d", i), began.Add(-time.Hour)
		}
		for after := time.Duration(0); after < 30*time.Minute; after += round {
			now := began.Add(after)
			var due []Want
			for _, w := range all {
				if now.Sub(w.Proven) >= time.Minute {
					due = append(due, w)
				}
			}
			for _, w := range plan(now, due, nil) {
				i := slices.IndexFunc(all, func(known Want) bool { return known.Node == w.Node })
				all[i].Proven = now
			}
		}
		Expect(all).To(HaveEach(HaveField("Proven", BeTemporally(">=", began))))
	})

	It("are others in turn by routine, too, so that nodes on which none can start don't keep the rest from it", func() {
		stuck, served := wants(25, true), map[string]bool{}
		for turn := range 40 {
			for _, node := range nodes(plan(began.Add(time.Duration(turn)*lives), stuck, nil)) {
				served[node] = true
			}
		}
		Expect(served).To(HaveLen(25))
	})

	It("are the same in whatever order they come", func() {
		reversed := wants(25, false)
		slices.Reverse(reversed)
		Expect(plan(began, reversed, nil)).To(Equal(plan(began, wants(25, false), nil)))
	})
})

var _ = Describe("A canary pod", func() {
	It("has one name for each proof that it is to renew: a second pod is refused", func() {
		w := Want{Node: "n1", Proven: began}
		Expect(template.pod(w).Name).To(Equal(template.pod(Want{Node: "n1", Proven: began, Routine: true}).Name))
		Expect(template.pod(w).Name).NotTo(Equal(template.pod(Want{Node: "n1", Proven: began.Add(time.Second)}).Name))
		Expect(template.pod(w).Name).NotTo(Equal(template.pod(Want{Node: "n2", Proven: began}).Name))
		Expect(template.pod(Want{Node: "n1"}).Name).To(MatchRegexp(`^readiness-gate-canary-[0-9a-f]{16}$`))
	})

	It("goes to its node by the scheduler, tolerates all, holds no credential, is restricted, and ends", func() {
		spec := template.pod(Want{Node: "n1"}).Spec
		Expect(spec.NodeName).To(BeEmpty())
		Expect(spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchFields[0].Values).To(Equal([]string{"n1"}))
		Expect(spec.Tolerations).To(ConsistOf(corev1.Toleration{Operator: corev1.TolerationOpExists}))
		Expect(*spec.AutomountServiceAccountToken).To(BeFalse())
		Expect(*spec.SecurityContext.RunAsNonRoot).To(BeTrue())
		Expect(*spec.Containers[0].SecurityContext.AllowPrivilegeEscalation).To(BeFalse())
		Expect(spec.Containers[0].SecurityContext.Capabilities.Drop).To(ConsistOf(corev1.Capability("ALL")))
		Expect(spec.RestartPolicy).To(Equal(corev1.RestartPolicyNever))
		Expect(*spec.ActiveDeadlineSeconds).To(BeEquivalentTo(300))
	})
})
