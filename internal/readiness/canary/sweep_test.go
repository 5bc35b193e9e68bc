package canary

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var _ = Describe("A canary pod", func() {
	// removed are the names of the pods that go after so long, and why.
	removed := func(after time.Duration, wanted bool, all ...*corev1.Pod) map[string]string {
		out := map[string]string{}
		gone, _ := sweep(began.Add(after), wanted, list(all...))
		for _, r := range gone {
			out[r.pod.Name] = r.why
		}
		return out
	}
	const minute = time.Minute

	It("that is under way stays for five minutes, and goes then", func() {
		pod := sent("n1", began)
		gone, again := sweep(began.Add(minute), true, list(pod, sent("n2", began.Add(30*time.Second))))
		Expect(gone).To(BeEmpty())
		Expect(again).To(Equal(4*minute), "the first of the two")
		Expect(removed(5*minute, true, pod)).To(Equal(map[string]string{pod.Name: "it took too long"}))
	})

	It("that ended stays as its node's proof, for whatever time, and nothing is left to do", func() {
		gone, again := sweep(began.Add(1000*time.Hour), true, list(succeeded("n1", began), agent("n1", began.Add(-time.Hour)), succeeded("n2", began)))
		Expect(gone).To(BeEmpty())
		Expect(again).To(BeZero())
	})

	It("whose image can't be pulled takes no other's place as its node's proof, though it has a sandbox", func() {
		stuck := succeeded("n1", began)
		stuck.Status.Phase, stuck.Status.ContainerStatuses = corev1.PodPending, nil
		stuck.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(began)}}
		former := succeeded("n1", began.Add(-time.Hour))
		Expect(removed(minute, true, former, stuck)).To(BeEmpty())
		Expect(removed(5*minute, true, former, stuck)).To(Equal(map[string]string{stuck.Name: "it took too long"}), "and the former one is the proof again")
	})

	It("that failed and got no sandbox goes after a minute: so often is one sent at most", func() {
		pod := sent("n1", began)
		pod.Status.Phase = corev1.PodFailed
		gone, again := sweep(began.Add(10*time.Second), true, list(pod))
		Expect(gone).To(BeEmpty())
		Expect(again).To(Equal(50 * time.Second))
		Expect(removed(minute, true, pod)).To(HaveKeyWithValue(pod.Name, HavePrefix("it got no sandbox")))
	})

	It("whose proof is of a clock that was ahead is none, and goes", func() {
		pod := succeeded("n1", began.Add(time.Hour))
		pod.CreationTimestamp = metav1.NewTime(began)
		Expect(removed(2*minute, true, pod)).To(HaveKey(pod.Name))
		Expect(removed(2*minute, true, pod, succeeded("n1", began))).To(And(HaveLen(1), HaveKey(pod.Name)), "and it takes no other's place")
	})

	It("that was made by a clock that was ahead does not stay under way until then", func() {
		pod := sent("n1", began.Add(time.Hour))
		Expect(removed(minute, true, pod)).To(HaveKey(pod.Name))
	})

	It("that failed in its sandbox proves that one could be made", func() {
		pod := succeeded("n1", began)
		pod.Status.Phase = corev1.PodFailed
		Expect(removed(minute, true, pod)).To(BeEmpty())
	})

	It("stays while the next one is under way, and goes when that has proven more", func() {
		first := succeeded("n1", began)
		Expect(removed(31*minute, true, first, sent("n1", began.Add(30*minute)))).To(BeEmpty())
		Expect(removed(31*minute, true, first, succeeded("n1", began.Add(30*minute)))).To(Equal(map[string]string{first.Name: "there is a newer proof"}))
	})

	It("goes when the node's agent proves more, or as much", func() {
		pod := succeeded("n1", began)
		for _, later := range []time.Duration{0, minute} {
			for _, all := range [][]*corev1.Pod{{pod, agent("n1", began.Add(later))}, {agent("n1", began.Add(later)), pod}} {
				Expect(removed(2*minute, true, all...)).To(Equal(map[string]string{pod.Name: "there is a newer proof"}))
			}
		}
		Expect(removed(2*minute, true, pod, agent("n2", began.Add(minute)))).To(BeEmpty(), "of another node")
	})

	It("goes in any case when no gate is left that asks for it", func() {
		Expect(removed(time.Second, false, sent("n1", began), succeeded("n2", began))).To(HaveLen(2))
	})

	It("whose deletion was cut short between the API server's two steps goes for good", func() {
		half := sent("n1", began)
		half.DeletionTimestamp = &metav1.Time{Time: began}
		Expect(removed(time.Hour, true, half)).To(HaveKey(half.Name))
	})

	It("goes alone: no other pod ever does", func() {
		Expect(removed(time.Hour, false, agent("n1", began))).To(BeEmpty())
	})
})
