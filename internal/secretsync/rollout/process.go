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
	// Key changed at Changed: the process may have read it before.
	Key     string
	Changed time.Time

	// mounted: it reads the key from a volume that was mounted by the pod's first
	// containers, perhaps before the change.
	mounted        bool
	podAnnotations map[string]string
}

// String tells why the process is old.
func (p Process) String() string {
	if p.mounted && p.Started.After(p.Changed) {
		return fmt.Sprintf("container %s of pod %s started at %s, with a volume that may have been mounted before the change of key %q at %s",
			p.Container, p.Pod, p.Started.UTC().Format(time.RFC3339), p.Key, p.Changed.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("container %s of pod %s started at %s, not after the change of key %q at %s",
		p.Container, p.Pod, p.Started.UTC().Format(time.RFC3339), p.Key, p.Changed.UTC().Format(time.RFC3339))
}

// awaited tells why the process has to be looked at again.
func (p Process) awaited() string {
	if p.mounted {
		return fmt.Sprintf("container %s of pod %s is restarted once it has started: what is mounted may be from before the change of key %q", p.Container, p.Pod, p.Key)
	}
	return fmt.Sprintf("looking again whether container %s of pod %s started before the change of key %q, which its kubelet has not reported yet", p.Container, p.Pod, p.Key)
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

// oldProcesses returns the processes that may hold what a key was before its last
// change; of every key if all is set.
func oldProcesses(f Facts, pods []*corev1.Pod, all bool) []Process {
	var old []Process
	for _, r := range readers(f, pods, all) {
		if started, ok := startOf(r.pod, r.Container); ok && r.old(f, started) {
			r.Started = started
			old = append(old, r.Process)
		}
	}
	return old
}

// startTakes is how long before its start, as reported, a container's environment
// may have been read.
const startTakes = time.Second

// old reports whether the container's present process, started then, may hold what
// the key was before the change.
func (r reader) old(f Facts, started time.Time) bool {
	switch {
	case !started.After(r.Changed):
		return true
	case r.waited(f), boundAt(r.pod).After(r.Changed):
		return false
	default:
		return r.mounted || !started.After(r.Changed.Add(startTakes))
	}
}

// waited reports whether the container could not start before the change, which made
// the mirror.
func (r reader) waited(f Facts) bool { return !r.optional && !r.Changed.After(f.MirrorCreated) }

// boundAt is when the pod came to its node. Nothing of it was read before.
func boundAt(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue && c.LastTransitionTime.After(pod.CreationTimestamp.Time) {
			return c.LastTransitionTime.Time
		}
	}
	return pod.CreationTimestamp.Time
}

// reportedWithin is how long a kubelet may take to report a container's start.
const reportedWithin = time.Minute

// unreported returns the processes that may turn out to be old: they have started
// just before a change, and their kubelet has not said so yet, or they will start
// with a volume that was mounted before. Started is zero.
func unreported(f Facts, pods []*corev1.Pod, all bool) []Process {
	var unsure []Process
	for _, r := range readers(f, pods, all) {
		if r.pod.Spec.NodeName == "" || boundAt(r.pod).After(r.Changed) {
			continue
		}
		_, started := startOf(r.pod, r.Container)
		switch {
		case r.mounted && !started && !r.waited(f):
			unsure = append(unsure, r.Process)
		case f.Now.Before(r.Changed.Add(reportedWithin)) && mayHaveStarted(r.pod, r.Container):
			r.mounted = false
			unsure = append(unsure, r.Process)
		}
	}
	return unsure
}

// reader is a container that reads a key which changed, started or not.
type reader struct {
	Process
	pod *corev1.Pod
	// optional: it starts without the Secret as well.
	optional bool
}

// readers returns the containers that read a changed key, once for each moment at
// which they get one; of every key if all is set.
func readers(f Facts, pods []*corev1.Pod, all bool) []reader {
	var found []reader
	for _, pod := range pods {
		// A pod with a stamp was created after the change that the stamp names,
		// whatever its node's clock says.
		changed := after(f.Changed, stampOf(pod.Annotations, f.Import))
		for _, c := range containers(&pod.Spec) {
			read := readBy(&pod.Spec, c, f.Secret)
			if all {
				read.atStart = everyKey()
			}
			if key, at := read.atStart.newest(changed); !at.IsZero() {
				found = append(found, newReader(pod, c.Name, read.optional, key, at))
			}
			if key, at := read.mounted.newest(changed); !at.IsZero() {
				r := newReader(pod, c.Name, read.optional, key, at)
				r.mounted = firstOf(pod, c.Name)
				found = append(found, r)
			}
		}
	}
	return found
}

func newReader(pod *corev1.Pod, container string, optional bool, key string, changed time.Time) reader {
	return reader{
		Process: Process{Pod: pod.Name, Container: container, Key: key, Changed: changed, podAnnotations: pod.Annotations},
		pod:     pod, optional: optional,
	}
}

// firstOf reports whether the container was never restarted in its pod. By the time
// of a restart the kubelet has long brought its volumes up to date.
func firstOf(pod *corev1.Pod, container string) bool {
	status := statusOf(pod, container)
	return status == nil || status.RestartCount == 0
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
	status := statusOf(pod, container)
	if status == nil {
		return time.Time{}, false
	}
	state, last := status.State, status.LastTerminationState
	switch {
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
	status := statusOf(pod, container)
	switch {
	case status == nil:
		return true
	case status.State.Running != nil, status.State.Terminated != nil:
		return false
	case status.State.Waiting == nil:
		return true
	}
	switch status.State.Waiting.Reason {
	case "", "ContainerCreating", "PodInitializing", "CreateContainerConfigError":
		return true
	default:
		return false
	}
}

// statusOf is what the kubelet says of the container; nil if nothing yet.
func statusOf(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			if statuses[i].Name == container {
				return &statuses[i]
			}
		}
	}
	return nil
}
