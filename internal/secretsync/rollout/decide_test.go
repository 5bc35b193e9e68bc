package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

var _ = Describe("Restarting what holds an old value", func() {
	It("restarts a process that started before the change, and says which and why", func() {
		grafana := deployment("grafana")
		plan := rollout.Decide(factsOf([]rollout.Workload{grafana}, podOf(grafana, sec(-3600))))

		Expect(plan.Restarts).To(HaveLen(1))
		Expect(plan.Restarts[0]).To(And(
			HaveField("Ref", ref("Deployment", "grafana")),
			HaveField("UID", grafana.UID),
			HaveField("Annotation", "restarted-for.rebirth.tazlab.net/grafana-db"),
			HaveField("Stamp", changedAt),
			HaveField("Time", sec(60)),
		))
		Expect(plan.Status).To(Equal(metav1.ConditionTrue))
		Expect(plan.Reason).To(Equal(v1alpha1.RestartedReason))
		Expect(plan.Message).To(Equal(`restarted Deployment/grafana (container app of pod grafana-0 started at 2026-03-01T09:00:00Z, not after the change of key "password" at 2026-03-01T10:00:00Z)`))
		Expect(plan.HandledUpTo).To(Equal(changedAt))
		Expect(plan.WaitUntil).To(BeZero())
	})

	DescribeTable("compares the start with the change, in whole seconds",
		func(started time.Time, old bool) {
			w := deployment("grafana")
			plan := rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, started)))
			Expect(plan.Restarts).To(HaveLen(map[bool]int{true: 1, false: 0}[old]))
			Expect(plan.HandledUpTo).To(Equal(changedAt))
		},
		Entry("a second before", sec(-1), true),
		Entry("within the same second", sec(0), true),
		Entry("a second after", sec(1), false),
	)

	It("drops fractions of a second of a change", func() {
		w := deployment("grafana")
		f := factsOf([]rollout.Workload{w}, podOf(w, sec(1)))
		f.Changed["password"] = sec(1).Add(900 * time.Millisecond)
		plan := rollout.Decide(f)
		Expect(plan.Restarts).To(ConsistOf(HaveField("Stamp", sec(1))))
	})

	DescribeTable("counts a process by what its container does",
		func(state, last corev1.ContainerState, old bool) {
			w := deployment("grafana")
			plan := rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-100), inState(state, last))))
			Expect(plan.Restarts).To(HaveLen(map[bool]int{true: 1, false: 0}[old]))
		},
		Entry("it runs since before the change", running(sec(-9)), terminated(sec(-50)), true),
		Entry("it was restarted in place after the change", running(sec(9)), terminated(sec(-50)), false),
		Entry("it backs off, last started before the change", waiting("CrashLoopBackOff"), terminated(sec(-9)), true),
		Entry("S21: it backs off, last started after the change", waiting("CrashLoopBackOff"), terminated(sec(9)), false),
		Entry("it backs off without a known start", waiting("CrashLoopBackOff"), corev1.ContainerState{}, false),
		Entry("it ended just now, started before the change", terminated(sec(-9)), corev1.ContainerState{}, true),
		Entry("it ended just now, started after the change", terminated(sec(9)), corev1.ContainerState{}, false),
		Entry("S8: it waits for its Secret", waiting("CreateContainerConfigError"), corev1.ContainerState{}, false),
		Entry("it ran once and waits for its Secret now", waiting("CreateContainerConfigError"), terminated(sec(-9)), false),
		Entry("it is being created", waiting("ContainerCreating"), corev1.ContainerState{}, false),
		Entry("its image can't be pulled", waiting("ImagePullBackOff"), terminated(sec(-9)), false),
		Entry("its state isn't known yet", corev1.ContainerState{}, corev1.ContainerState{}, false),
	)

	It("leaves a pod alone that has no status yet", func() {
		w := deployment("grafana")
		pod := podOf(w, sec(-100), func(p *corev1.Pod) { p.Status = corev1.PodStatus{} })
		Expect(rollout.Decide(factsOf([]rollout.Workload{w}, pod)).Restarts).To(BeEmpty())
	})

	Describe("S11: an init container that copied a certificate and finished", func() {
		spec := corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "copy", VolumeMounts: []corev1.VolumeMount{{Name: "secret"}}}},
			Containers:     []corev1.Container{{Name: "app"}},
			Volumes:        []corev1.Volume{secretVolume()},
		}
		DescribeTable("counts by its start, however young the main process is",
			func(state corev1.ContainerState, created time.Time, old bool) {
				w := deployment("client", reading(spec))
				pod := podOf(w, sec(30), func(p *corev1.Pod) {
					p.CreationTimestamp = metav1.NewTime(created)
					p.Status.InitContainerStatuses[0].State = state
				})
				plan := rollout.Decide(factsOf([]rollout.Workload{w}, pod))
				Expect(plan.Restarts).To(HaveLen(map[bool]int{true: 1, false: 0}[old]))
				if old {
					Expect(plan.Restarts[0].Because.Container).To(Equal("copy"))
				}
			},
			Entry("before the change", terminated(sec(-9)), sec(-10), true),
			Entry("after the change", terminated(sec(9)), sec(8), false),
			Entry("its record was collected, in a pod from before the change", terminated(time.Time{}), sec(-10), true),
			Entry("its record was collected, in a pod from after the change", terminated(time.Time{}), sec(8), false),
		)
	})

	DescribeTable("looks only at the workload's own living pods",
		func(edit func(*corev1.Pod)) {
			w := deployment("grafana")
			Expect(rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9)))).Restarts).To(HaveLen(1))
			Expect(rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9), edit))).Restarts).To(BeEmpty())
		},
		Entry("not at a terminating one", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: sec(5)} }),
		Entry("not at a finished one", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
		Entry("not at an evicted one", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
		Entry("not at one with other labels", func(p *corev1.Pod) { p.Labels["app"] = "other" }),
		Entry("not at a bare one", func(p *corev1.Pod) { p.OwnerReferences = nil }),
		Entry("not at a Job's", func(p *corev1.Pod) { p.OwnerReferences[0].APIVersion, p.OwnerReferences[0].Kind = "batch/v1", "Job" }),
		Entry("not at one of another group's ReplicaSet", func(p *corev1.Pod) { p.OwnerReferences[0].APIVersion = "example.com/v1" }),
		Entry("not at one that is owned but not controlled", func(p *corev1.Pod) { p.OwnerReferences[0].Controller = nil }),
	)

	DescribeTable("tells the pods of a StatefulSet or DaemonSet by its UID",
		func(kind string) {
			w := workload(kind, "db")
			Expect(restarted(rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9)))))).To(ConsistOf(ref(kind, "db")))
			former := podOf(w, sec(-9), func(p *corev1.Pod) { p.OwnerReferences[0].UID = "former-uid" })
			Expect(rollout.Decide(factsOf([]rollout.Workload{w}, former)).Restarts).To(BeEmpty())
		},
		Entry("StatefulSet", "StatefulSet"),
		Entry("DaemonSet", "DaemonSet"),
	)

	It("leaves a workload alone whose template doesn't reference the Secret", func() {
		w := deployment("grafana")
		pod := podOf(w, sec(-9))
		w.PodTemplate.Spec.Containers[0].Env = nil
		Expect(rollout.Decide(factsOf([]rollout.Workload{w}, pod)).Restarts).To(BeEmpty())
	})

	It("leaves a process alone that doesn't read the Secret yet, though the template does", func() {
		w := deployment("grafana")
		pod := podOf(w, sec(-9), func(p *corev1.Pod) { p.Spec.Containers[0].Env = nil })
		Expect(rollout.Decide(factsOf([]rollout.Workload{w}, pod)).Restarts).To(BeEmpty())
	})
})

var _ = Describe("One restart per change", func() {
	It("S4: decides the same without any change, and asks for nothing", func() {
		w := deployment("grafana")
		f := factsOf([]rollout.Workload{w}, podOf(w, sec(-9)))
		f.Changed = nil
		for range 10 {
			plan := rollout.Decide(f)
			Expect(plan.Restarts).To(BeEmpty())
			Expect(plan.Reason).To(Equal(v1alpha1.NothingToRestartReason))
			Expect(plan.Status).To(Equal(metav1.ConditionTrue))
			Expect(plan.Message).To(Equal(`no process holds an older value of Secret "db-credentials"`))
		}
	})

	It("S5: restarts nothing when a key changes that nobody reads", func() {
		w := deployment("grafana")
		f := factsOf([]rollout.Workload{w}, podOf(w, sec(-9)))
		f.Changed = map[string]time.Time{"verifier": changedAt}
		plan := rollout.Decide(f)
		Expect(plan.Restarts).To(BeEmpty())
		Expect(plan.HandledUpTo).To(Equal(changedAt))
	})

	It("asks once: a stamp on the template means that the restart is asked for", func() {
		w := deployment("grafana", stampedFor(importName, changedAt))
		plan := rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9), withoutStamps)))
		Expect(plan.Restarts).To(BeEmpty())
		Expect(plan.Deferred).To(BeEmpty())
		Expect(plan.Reason).To(Equal(v1alpha1.RestartedReason))
		Expect(plan.Message).To(Equal("the restart of Deployment/grafana is already asked for"))
		Expect(plan.HandledUpTo).To(Equal(changedAt))
	})

	It("believes a pod's stamp more than its node's clock", func() {
		stamped := deployment("grafana", stampedFor(importName, changedAt))
		pod := podOf(stamped, sec(-300))
		Expect(rollout.Decide(factsOf([]rollout.Workload{deployment("grafana")}, pod)).Restarts).To(BeEmpty())
	})

	It("restarts again for a change after the stamp", func() {
		w := deployment("grafana", stampedFor(importName, sec(-600)))
		plan := rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-590))))
		Expect(plan.Restarts).To(ConsistOf(HaveField("Stamp", changedAt)))
	})

	It("writes a stamp anew that can't be read", func() {
		w := deployment("grafana", stampedFor(importName, changedAt))
		w.PodTemplate.Annotations[rollout.AnnotationKey(importName)] = "yesterday"
		Expect(rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9)))).Restarts).To(HaveLen(1))
	})

	It("answers every change so far with one restart: the stamp is the newest of all keys that the workload reads", func() {
		w := deployment("grafana", func(w *rollout.Workload) {
			w.PodTemplate.Spec.Containers = append(w.PodTemplate.Spec.Containers,
				corev1.Container{Name: "side", Env: []corev1.EnvVar{envKey("user")}})
		})
		pod := podOf(w, sec(-9), func(p *corev1.Pod) { p.Status.ContainerStatuses[1].State = running(sec(30)) })
		f := factsOf([]rollout.Workload{w}, pod)
		f.Changed = map[string]time.Time{"password": changedAt, "user": sec(20), "host": sec(40)}

		plan := rollout.Decide(f)
		Expect(plan.Restarts).To(ConsistOf(And(
			HaveField("Stamp", sec(20)),
			HaveField("Because.Key", "password"),
		)))
		Expect(plan.HandledUpTo).To(Equal(sec(40)))

		By("which the next look takes for an answer to both")
		stampedFor(importName, sec(20))(&w)
		f.Workloads = []rollout.Workload{w}
		Expect(rollout.Decide(f).Restarts).To(BeEmpty())
	})

	It("stamps with what an old pod reads too, when the template reads less by now", func() {
		w := deployment("grafana")
		pod := podOf(w, sec(-9), func(p *corev1.Pod) {
			p.Spec.Containers[0].Env = append(p.Spec.Containers[0].Env, envKey("user"))
		})
		f := factsOf([]rollout.Workload{w}, pod)
		f.Changed["user"] = sec(20)
		Expect(rollout.Decide(f).Restarts).To(ConsistOf(HaveField("Stamp", sec(20))))
	})

	It("never takes HandledUpTo back", func() {
		w := deployment("grafana")
		f := factsOf([]rollout.Workload{w}, podOf(w, sec(9)))
		f.HandledUpTo = sec(5)
		Expect(rollout.Decide(f).HandledUpTo).To(Equal(sec(5)))
	})
})

var _ = Describe("spec.restart.minInterval", func() {
	other := "another-import"
	// recent was restarted for another import at the change, and a pod of that
	// restart is old: it started within the second of the change.
	recent := deployment("grafana", stampedFor(other, changedAt))
	old := podOf(recent, changedAt)

	It("holds a restart back that comes too soon after one for another import", func() {
		f := factsOf([]rollout.Workload{recent}, old)
		f.Now = sec(10)
		f.HandledUpTo = sec(-600)
		plan := rollout.Decide(f)
		Expect(plan.Restarts).To(BeEmpty())
		Expect(plan.Deferred).To(ConsistOf(rollout.Deferral{Ref: ref("Deployment", "grafana"), Until: sec(30)}))
		Expect(plan.WaitUntil).To(Equal(sec(30)))
		Expect(plan.HandledUpTo).To(Equal(sec(-600)))
		Expect(plan.Status).To(Equal(metav1.ConditionFalse))
		Expect(plan.Reason).To(Equal(v1alpha1.RestartPendingReason))
		Expect(plan.Message).To(HavePrefix("Deployment/grafana is restarted at 2026-03-01T10:00:30Z, not earlier because of spec.restart.minInterval"))
	})

	It("lets it go when the time is over", func() {
		f := factsOf([]rollout.Workload{recent}, old)
		f.Now = sec(30)
		Expect(rollout.Decide(f).Restarts).To(HaveLen(1))
	})

	DescribeTable("is what the spec says",
		func(interval time.Duration, now time.Time, wait bool) {
			f := factsOf([]rollout.Workload{recent}, old)
			f.Now = now
			f.Spec.MinInterval = &metav1.Duration{Duration: interval}
			Expect(rollout.Decide(f).Deferred).To(HaveLen(map[bool]int{true: 1, false: 0}[wait]))
		},
		Entry("nothing", time.Duration(0), sec(0), false),
		Entry("five minutes, before", 5*time.Minute, sec(299), true),
		Entry("five minutes, at last", 5*time.Minute, sec(300), false),
	)

	It("waits until the earliest of several", func() {
		later := deployment("loki", stampedFor(other, sec(5)))
		f := factsOf([]rollout.Workload{later, recent}, podOf(later, sec(-9)), old)
		f.Now = sec(10)
		plan := rollout.Decide(f)
		Expect(plan.Deferred).To(HaveLen(2))
		Expect(plan.WaitUntil).To(Equal(sec(30)))
	})

	It("doesn't wait for a stamp from the far future, as a clock that was set back leaves it", func() {
		w := deployment("grafana", stampedFor(other, sec(7200)))
		Expect(rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9)))).Restarts).To(HaveLen(1))
	})

	It("restarts a workload that reads two Secrets rotated at once only once", func() {
		By("the second import finds the first one's restart just asked for")
		w := deployment("grafana", stampedFor(other, sec(-1)), rollingOut)
		first := podOf(w, sec(-600), withoutStamps)
		f := factsOf([]rollout.Workload{w}, first)
		f.Now = sec(1)
		plan := rollout.Decide(f)
		Expect(plan.Restarts).To(BeEmpty())
		Expect(plan.Reason).To(Equal(v1alpha1.RestartedReason))

		By("and, once the rollout is over, nothing old any more")
		w.RollingOut = false
		f = factsOf([]rollout.Workload{w}, podOf(w, sec(3)))
		plan = rollout.Decide(f)
		Expect(plan.Restarts).To(BeEmpty())
		Expect(plan.Reason).To(Equal(v1alpha1.NothingToRestartReason))
	})

	It("restarts again if pods of the rollout under way started before the change", func() {
		w := deployment("grafana", stampedFor(other, sec(-100)), rollingOut)
		f := factsOf([]rollout.Workload{w}, podOf(w, sec(-600), withoutStamps), podOf(w, sec(-90), named("grafana-1")))
		Expect(rollout.Decide(f).Restarts).To(HaveLen(1))
	})

	It("believes in no rollout that is over, if something strips stamps from pods", func() {
		w := deployment("grafana", stampedFor(other, sec(-100)))
		Expect(rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-90), withoutStamps))).Restarts).To(HaveLen(1))
	})
})

var _ = Describe("spec.restart.mode", func() {
	It("Never: looks at nothing and says so", func() {
		w := deployment("grafana")
		f := factsOf([]rollout.Workload{w}, podOf(w, sec(-9)))
		f.Spec.Mode = v1alpha1.RestartModeNever
		f.HandledUpTo = sec(-600)
		plan := rollout.Decide(f)
		Expect(plan.Restarts).To(BeEmpty())
		Expect(plan.Status).To(Equal(metav1.ConditionUnknown))
		Expect(plan.Reason).To(Equal(v1alpha1.RestartOffReason))
		Expect(plan.HandledUpTo).To(Equal(sec(-600)))
	})

	It("is Auto by default", func() {
		w := deployment("grafana")
		f := factsOf([]rollout.Workload{w}, podOf(w, sec(-9)))
		f.Spec.Mode = ""
		Expect(rollout.Decide(f).Restarts).To(HaveLen(1))
	})

	Describe("Listed", func() {
		listed := func(f rollout.Facts, refs ...v1alpha1.WorkloadReference) rollout.Facts {
			f.Spec = v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeListed, Workloads: refs}
			return f
		}
		unrelated := reading(corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}})

		It("restarts a listed workload that doesn't reference the Secret, and none that isn't listed", func() {
			proxy, grafana := deployment("proxy", unrelated), deployment("grafana")
			f := listed(factsOf([]rollout.Workload{grafana, proxy}, podOf(proxy, sec(-9)), podOf(grafana, sec(-9))),
				ref("Deployment", "proxy"), ref("Deployment", "proxy"))
			f.Changed["host"] = sec(20)
			plan := rollout.Decide(f)
			Expect(plan.Restarts).To(ConsistOf(And(
				HaveField("Ref", ref("Deployment", "proxy")),
				HaveField("Stamp", sec(20)),
			)))
		})

		It("tells kinds apart", func() {
			w := workload("StatefulSet", "grafana")
			plan := rollout.Decide(listed(factsOf([]rollout.Workload{w}, podOf(w, sec(-9))), ref("Deployment", "grafana")))
			Expect(plan.Restarts).To(BeEmpty())
			Expect(plan.Reason).To(Equal(v1alpha1.WorkloadMissingReason))
		})

		It("S12: names a workload that doesn't exist and the nearest one, restarts the others and heals by itself", func() {
			multica, web := deployment("multica-backend"), deployment("web")
			f := listed(factsOf([]rollout.Workload{web, multica}, podOf(web, sec(-9)), podOf(multica, sec(-9))),
				ref("Deployment", "web"), ref("Deployment", "backend"))
			f.HandledUpTo = sec(-600)
			plan := rollout.Decide(f)
			Expect(restarted(plan)).To(ConsistOf(ref("Deployment", "web")))
			Expect(plan.Status).To(Equal(metav1.ConditionFalse))
			Expect(plan.Reason).To(Equal(v1alpha1.WorkloadMissingReason))
			Expect(plan.Message).To(HavePrefix("spec.restart.workloads names Deployment/backend, which this namespace doesn't have: did you mean Deployment/multica-backend?; restarted Deployment/web ("))
			Expect(plan.HandledUpTo).To(Equal(sec(-600)))

			By("the list being put right")
			stampedFor(importName, changedAt)(&web)
			f = listed(factsOf([]rollout.Workload{web, multica}, podOf(web, sec(5)), podOf(multica, sec(-9))),
				ref("Deployment", "web"), ref("Deployment", "multica-backend"))
			plan = rollout.Decide(f)
			Expect(restarted(plan)).To(ConsistOf(ref("Deployment", "multica-backend")))
			Expect(plan.Status).To(Equal(metav1.ConditionTrue))
			Expect(plan.HandledUpTo).To(Equal(changedAt))
		})

		DescribeTable("finds the nearest existing name",
			func(wanted, nearest string, existing ...string) {
				var workloads []rollout.Workload
				for _, name := range existing {
					workloads = append(workloads, deployment(name))
				}
				plan := rollout.Decide(listed(factsOf(workloads), ref("Deployment", wanted)))
				if nearest == "" {
					Expect(plan.Message).NotTo(ContainSubstring("did you mean"))
				} else {
					Expect(plan.Message).To(HaveSuffix("did you mean Deployment/%s?", nearest))
				}
			},
			Entry("one that contains it, however long", "backend", "a-very-long-prefix-backend", "backers", "a-very-long-prefix-backend"),
			Entry("the shortest that contains it", "backend", "x-backend", "multica-backend", "x-backend"),
			Entry("one that it contains", "grafana-server", "grafana", "loki", "grafana"),
			Entry("a typo", "grafnaa", "grafana", "loki", "grafana"),
			Entry("nothing alike", "grafana", "", "loki"),
			Entry("nothing at all", "grafana", ""),
		)
	})
})

var _ = Describe("Workloads with a will of their own", func() {
	It("leaves one alone that is annotated so, and says that it is old", func() {
		w := deployment("grafana", annotated(v1alpha1.RestartAnnotation, v1alpha1.RestartNever))
		plan := rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9))))
		Expect(plan.Restarts).To(BeEmpty())
		Expect(plan.Reason).To(Equal(v1alpha1.NothingToRestartReason))
		Expect(plan.Message).To(Equal("Deployment/grafana holds an older value and is left alone, as its annotation rebirth.tazlab.net/restart says"))
		Expect(plan.HandledUpTo).To(Equal(changedAt))
	})

	DescribeTable("says what is to be done by hand where pods are not replaced",
		func(kind string, edit func(*rollout.Workload), said string) {
			w := workload(kind, "db", edit)
			plan := rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9))))
			Expect(plan.Restarts).To(HaveLen(1))
			Expect(plan.Message).To(HaveSuffix(said))
		},
		Entry("a paused Deployment", "Deployment", func(w *rollout.Workload) { w.Paused = true },
			"; Deployment/db is paused (spec.paused): resume it, its pods are not replaced before"),
		Entry("a StatefulSet with OnDelete", "StatefulSet", func(w *rollout.Workload) { w.OnDelete = true },
			"; StatefulSet/db has spec.updateStrategy.type OnDelete: delete its pods, they are not replaced before"),
		Entry("a StatefulSet with a partition", "StatefulSet", func(w *rollout.Workload) { w.Partition = 2 },
			"; StatefulSet/db has spec.updateStrategy.rollingUpdate.partition 2: delete its pods below that ordinal, they are not replaced before"),
	)

	DescribeTable("S9: warns of Stakater Reloader",
		func(key, value string, warned bool) {
			onWorkload := deployment("grafana", annotated(key, value))
			onTemplate := deployment("grafana", func(w *rollout.Workload) { w.PodTemplate.Annotations = map[string]string{key: value} })
			for _, w := range []rollout.Workload{onWorkload, onTemplate} {
				plan := rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9))))
				Expect(plan.Restarts).To(HaveLen(1))
				hint := ContainSubstring("Reloader may restart Deployment/grafana a second time (annotation %s): set the annotation rebirth.tazlab.net/restart: Never", key)
				if !warned {
					hint = Not(ContainSubstring("Reloader"))
				}
				Expect(plan.Message).To(hint)
			}
		},
		Entry("auto", "reloader.stakater.com/auto", "true", true),
		Entry("auto for Secrets", "secret.reloader.stakater.com/auto", "true", true),
		Entry("this Secret by name", "secret.reloader.stakater.com/reload", "other, db-credentials", true),
		Entry("search", "reloader.stakater.com/search", "true", true),
		Entry("auto switched off", "reloader.stakater.com/auto", "false", false),
		Entry("another Secret by name", "secret.reloader.stakater.com/reload", "db-credentials-2", false),
	)

	It("S9: doesn't warn where Reloader excludes the Secret, or where our restart is off", func() {
		excluded := deployment("grafana",
			annotated("reloader.stakater.com/auto", "true"),
			annotated("secrets.exclude.reloader.stakater.com/reload", secretName))
		Expect(rollout.Decide(factsOf([]rollout.Workload{excluded}, podOf(excluded, sec(-9)))).Message).NotTo(ContainSubstring("Reloader"))

		off := deployment("grafana",
			annotated("reloader.stakater.com/auto", "true"),
			annotated(v1alpha1.RestartAnnotation, v1alpha1.RestartNever))
		plan := rollout.Decide(factsOf([]rollout.Workload{off}, podOf(off, sec(-9))))
		Expect(plan.Restarts).To(BeEmpty())
		Expect(plan.Message).NotTo(ContainSubstring("Reloader"))
	})
})

var _ = Describe("The plan", func() {
	It("doesn't depend on the order of the facts", func() {
		var workloads []rollout.Workload
		var pods []corev1.Pod
		for _, kind := range []string{"StatefulSet", "Deployment", "DaemonSet"} {
			for _, name := range []string{"b", "a"} {
				w := workload(kind, name)
				workloads = append(workloads, w)
				pods = append(pods, podOf(w, sec(-9)), podOf(w, sec(-9), named("0-"+name)))
			}
		}
		plan := rollout.Decide(factsOf(workloads, pods...))
		slices.Reverse(workloads)
		slices.Reverse(pods)
		Expect(rollout.Decide(factsOf(workloads, pods...))).To(Equal(plan))
		Expect(restarted(plan)).To(Equal([]v1alpha1.WorkloadReference{
			ref("DaemonSet", "a"), ref("DaemonSet", "b"), ref("Deployment", "a"),
			ref("Deployment", "b"), ref("StatefulSet", "a"), ref("StatefulSet", "b"),
		}))
	})

	It("blames the process that has run longest", func() {
		w := deployment("grafana")
		plan := rollout.Decide(factsOf([]rollout.Workload{w}, podOf(w, sec(-9)), podOf(w, sec(-99), named("grafana-1"))))
		Expect(plan.Restarts).To(ConsistOf(HaveField("Because.Pod", "grafana-1")))
	})

	It("keeps its message within what a condition takes", func() {
		var workloads []rollout.Workload
		var pods []corev1.Pod
		for i := range 2000 {
			w := deployment(fmt.Sprintf("%s-%04d", strings.Repeat("w", 200), i), annotated("reloader.stakater.com/auto", "true"))
			workloads, pods = append(workloads, w), append(pods, podOf(w, sec(-9)))
		}
		plan := rollout.Decide(factsOf(workloads, pods...))
		Expect(plan.Restarts).To(HaveLen(2000))
		Expect(len(plan.Message)).To(BeNumerically("<", 32768))
		Expect(plan.Message).To(ContainSubstring("and 1990 more"))
	})
})
