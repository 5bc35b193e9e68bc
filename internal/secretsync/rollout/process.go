package rollout

import (
	"cmp"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Process is a container that holds an old value.
type Process struct {
	Pod       string
	Container string
	// Started is when its process started.
	Started time.Time
	// Key changed at Changed, which is not before Started.
	Key     string
	Changed time.Time

	podAnnotations map[string]string
}

// String tells why the process is old.
func (p Process) String() string {
	return fmt.Sprintf("container %s of pod %s started at %s, not after the change of key %q at %s",
		p.Container, p.Pod, p.Started.UTC().Format(time.RFC3339), p.Key, p.Changed.UTC().Format(time.RFC3339))
}

func (p Process) compare(other Process) int {
	return cmp.Or(p.Started.Compare(other.Started), cmp.Compare(p.Pod, other.Pod), cmp.Compare(p.Container, other.Container))
}

// podsOf returns the pods that the workload runs. A Deployment's are controlled
// by its ReplicaSets, which are not read: the selector tells whose they are.
func podsOf(w Workload, pods []corev1.Pod) []*corev1.Pod {
	var own []*corev1.Pod
	for i := range pods {
		pod := &pods[i]
		if alive(pod) && controls(w, metav1.GetControllerOfNoCopy(pod)) && w.Selector.Matches(labels.Set(pod.Labels)) {
			own = append(own, pod)
		}
	}
	return own
}

func controls(w Workload, owner *metav1.OwnerReference) bool {
	switch {
	case owner == nil:
		return false
	case w.Kind == deploymentKind:
		return isReplicaSet(owner)
	default:
		return owner.UID == w.UID
	}
}

// alive leaves out pods that are going away anyway or whose processes are gone.
func alive(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

func isReplicaSet(owner *metav1.OwnerReference) bool {
	gv, err := schema.ParseGroupVersion(owner.APIVersion)
	return err == nil && gv.Group == appsv1.GroupName && owner.Kind == "ReplicaSet"
}

// oldProcesses returns the processes that started at or before a change of a key
// that they read; of every key if all is set.
func oldProcesses(f Facts, pods []*corev1.Pod, all bool) []Process {
	var old []Process
	for _, p := range readers(f, pods, all) {
		if started, ok := startOf(p.pod, p.Container); ok && !started.After(p.Changed) {
			p.Started = started
			old = append(old, p.Process)
		}
	}
	return old
}

// reportedWithin is how long a kubelet may take to report a container's start.
const reportedWithin = time.Minute

// unreported returns the processes that may have started with an old value just
// before a change, and whose kubelet has not said so yet. Started is zero.
func unreported(f Facts, pods []*corev1.Pod, all bool) []Process {
	var unsure []Process
	for _, p := range readers(f, pods, all) {
		if p.pod.Spec.NodeName == "" || p.pod.CreationTimestamp.After(p.Changed) || !f.Now.Before(p.Changed.Add(reportedWithin)) {
			continue
		}
		if mayHaveStarted(p.pod, p.Container) {
			unsure = append(unsure, p.Process)
		}
	}
	return unsure
}

// reader is a container that reads a key which changed, started or not.
type reader struct {
	Process
	pod *corev1.Pod
}

// readers returns the containers that read a changed key; of every key if all is set.
func readers(f Facts, pods []*corev1.Pod, all bool) []reader {
	var found []reader
	for _, pod := range pods {
		// A pod with a stamp was created after the change that the stamp names,
		// whatever its node's clock says.
		changed := after(f.Changed, stampOf(pod.Annotations, f.Import))
		for _, c := range containers(&pod.Spec) {
			keys := everyKey()
			if !all {
				keys = readBy(&pod.Spec, c, f.Secret)
			}
			key, at := keys.newest(changed)
			if at.IsZero() {
				continue
			}
			found = append(found, reader{
				Process: Process{Pod: pod.Name, Container: c.Name, Key: key, Changed: at, podAnnotations: pod.Annotations},
				pod:     pod,
			})
		}
	}
	return found
}

// after keeps the changes that are newer than stamp.
func after(changed map[string]time.Time, stamp time.Time) map[string]time.Time {
	newer := make(map[string]time.Time, len(changed))
	for key, at := range changed {
		if at.After(stamp) {
			newer[key] = at
		}
	}
	return newer
}

// startOf is when the container's present value was read: the start of its
// process, or of its last one if a restart is what ends its wait. There is none
// while it waits for a start that will read the present value anyway.
func startOf(pod *corev1.Pod, container string) (started time.Time, ok bool) {
	state, last, found := stateOf(pod, container)
	switch {
	case !found:
		return time.Time{}, false
	case state.Running != nil:
		return state.Running.StartedAt.Time, true
	case state.Terminated != nil:
		return startOfTerminated(pod, state.Terminated), true
	case state.Waiting != nil && state.Waiting.Reason == "CrashLoopBackOff" && last.Terminated != nil:
		return startOfTerminated(pod, last.Terminated), true
	default:
		return time.Time{}, false
	}
}

// startOfTerminated falls back on the pod's creation: kubelet leaves the start
// empty when the container's record was collected, as it does with init
// containers of old pods.
func startOfTerminated(pod *corev1.Pod, state *corev1.ContainerStateTerminated) time.Time {
	if state.StartedAt.IsZero() {
		return pod.CreationTimestamp.Time
	}
	return state.StartedAt.Time
}

// mayHaveStarted reports whether the container has no start in its status, and
// waits for nothing that would keep it from having started since: what it waited
// for last may have come a moment ago.
func mayHaveStarted(pod *corev1.Pod, container string) bool {
	state, _, found := stateOf(pod, container)
	switch {
	case !found:
		return true
	case state.Running != nil, state.Terminated != nil:
		return false
	case state.Waiting == nil:
		return true
	}
	switch state.Waiting.Reason {
	case "", "ContainerCreating", "PodInitializing", "CreateContainerConfigError":
		return true
	default:
		return false
	}
}

func stateOf(pod *corev1.Pod, container string) (state, last corev1.ContainerState, found bool) {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			if statuses[i].Name == container {
				return statuses[i].State, statuses[i].LastTerminationState, true
			}
		}
	}
	return state, last, false
}
