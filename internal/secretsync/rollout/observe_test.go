package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

const namespace = "monitoring"

// recorder is a client that records which kinds were listed, and fails for some.
type recorder struct {
	client.WithWatch
	listed []string
	fail   map[string]error
}

func recording(objects ...client.Object) *recorder {
	r := &recorder{fail: map[string]error{}}
	base := fake.NewClientBuilder().WithObjects(objects...).Build()
	r.WithWatch = interceptor.NewClient(base, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			kind := fmt.Sprintf("%T", list)
			r.listed = append(r.listed, kind)
			if err := r.fail[kind]; err != nil {
				return err
			}
			return c.List(ctx, list, opts...)
		},
	})
	return r
}

func objectMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uidOf("live", name), Generation: 2,
		Annotations: map[string]string{"note": name}}
}

// specParts are the selector and the template of a workload that reads the Secret.
func specParts(name string) (*metav1.LabelSelector, corev1.PodTemplateSpec) {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}, deployment(name).PodTemplate
}

func liveDeployment(name string, edit func(*appsv1.Deployment)) *appsv1.Deployment {
	selector, template := specParts(name)
	d := &appsv1.Deployment{ObjectMeta: objectMeta(name),
		Spec:   appsv1.DeploymentSpec{Replicas: new(int32(2)), Selector: selector, Template: template},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 2}}
	edit(d)
	return d
}

func liveStatefulSet(name string, edit func(*appsv1.StatefulSet)) *appsv1.StatefulSet {
	selector, template := specParts(name)
	s := &appsv1.StatefulSet{ObjectMeta: objectMeta(name),
		Spec:   appsv1.StatefulSetSpec{Selector: selector, Template: template},
		Status: appsv1.StatefulSetStatus{ObservedGeneration: 2, CurrentRevision: "a", UpdateRevision: "a"}}
	edit(s)
	return s
}

func liveDaemonSet(name string, edit func(*appsv1.DaemonSet)) *appsv1.DaemonSet {
	selector, template := specParts(name)
	d := &appsv1.DaemonSet{ObjectMeta: objectMeta(name),
		Spec:   appsv1.DaemonSetSpec{Selector: selector, Template: template},
		Status: appsv1.DaemonSetStatus{ObservedGeneration: 2, DesiredNumberScheduled: 3, UpdatedNumberScheduled: 3}}
	edit(d)
	return d
}

func same[T any](T) {}

// reader is a pod that reads the Secret and is controlled by an object of the kind.
func reader(kind string) *corev1.Pod {
	_, template := specParts("web")
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "reader-of-" + strings.ToLower(kind), OwnerReferences: []metav1.OwnerReference{{
			APIVersion: appsv1.SchemeGroupVersion.String(), Kind: kind, Name: "web", UID: "1", Controller: new(true),
		}}},
		Spec: template.Spec,
	}
}

// read are the objects, and pods of every kind that read the Secret.
func read(objects ...client.Object) []client.Object {
	return append(objects, reader("ReplicaSet"), reader("StatefulSet"), reader("DaemonSet"))
}

var auto = v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeAuto}

var _ = Describe("Observing a namespace", func() {
	ctx := context.Background()

	It("finds every kind of workload and the pods, of this namespace alone", func() {
		elsewhere := liveDeployment("elsewhere", func(d *appsv1.Deployment) { d.Namespace = "other" })
		c := recording(read(elsewhere, liveDeployment("web", same), liveStatefulSet("db", same), liveDaemonSet("agent", same),
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web-0"}},
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "elsewhere-0"}})...)
		workloads, pods, err := rollout.Observe(ctx, c, namespace, secretName, auto)
		Expect(err).NotTo(HaveOccurred())
		Expect(pods).To(And(HaveLen(4), ContainElement(HaveField("Name", "web-0")), HaveEach(HaveField("Namespace", namespace))))
		Expect(workloads).To(HaveLen(3))
		Expect(workloads).To(ContainElement(And(
			HaveField("WorkloadReference", ref("Deployment", "web")),
			HaveField("UID", objectMeta("web").UID),
			HaveField("Annotations", HaveKeyWithValue("note", "web")),
			HaveField("Selector", Satisfy(func(s labels.Selector) bool { return s.Matches(labels.Set{"app": "web"}) })),
			HaveField("PodTemplate.Spec.Containers", HaveLen(1)),
		)))
		Expect(workloads).To(ContainElements(
			HaveField("WorkloadReference", ref("StatefulSet", "db")),
			HaveField("WorkloadReference", ref("DaemonSet", "agent"))))
	})

	DescribeTable("sees what holds pods back",
		func(object client.Object, field string, value any) {
			workloads, _, err := rollout.Observe(ctx, recording(read(object)...), namespace, secretName, auto)
			Expect(err).NotTo(HaveOccurred())
			Expect(workloads).To(ConsistOf(HaveField(field, value)))
		},
		Entry("a paused Deployment", liveDeployment("web", func(d *appsv1.Deployment) { d.Spec.Paused = true }), "Paused", true),
		Entry("a StatefulSet with OnDelete", liveStatefulSet("db", func(s *appsv1.StatefulSet) { s.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType }), "OnDelete", true),
		Entry("a StatefulSet with a partition", liveStatefulSet("db", func(s *appsv1.StatefulSet) {
			s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32(2))}
		}), "Partition", int32(2)),
		Entry("a DaemonSet with OnDelete", liveDaemonSet("agent", func(d *appsv1.DaemonSet) { d.Spec.UpdateStrategy.Type = appsv1.OnDeleteDaemonSetStrategyType }), "OnDelete", true),
	)

	DescribeTable("sees a rollout under way",
		func(object client.Object, rolling bool) {
			workloads, _, err := rollout.Observe(ctx, recording(read(object)...), namespace, secretName, auto)
			Expect(err).NotTo(HaveOccurred())
			Expect(workloads).To(ConsistOf(HaveField("RollingOut", rolling)))
		},
		Entry("not of a Deployment at rest", liveDeployment("web", same), false),
		Entry("a Deployment's new generation", liveDeployment("web", func(d *appsv1.Deployment) { d.Generation = 3 }), true),
		Entry("a Deployment's missing new pods", liveDeployment("web", func(d *appsv1.Deployment) { d.Status.UpdatedReplicas = 1 }), true),
		Entry("a Deployment's remaining old pods", liveDeployment("web", func(d *appsv1.Deployment) { d.Status.Replicas = 3 }), true),
		Entry("a Deployment of one by default", liveDeployment("web", func(d *appsv1.Deployment) {
			d.Spec.Replicas, d.Status.Replicas, d.Status.UpdatedReplicas = nil, 0, 0
		}), true),
		Entry("not of a StatefulSet at rest", liveStatefulSet("db", same), false),
		Entry("a StatefulSet's new generation", liveStatefulSet("db", func(s *appsv1.StatefulSet) { s.Generation = 3 }), true),
		Entry("a StatefulSet's new revision", liveStatefulSet("db", func(s *appsv1.StatefulSet) { s.Status.UpdateRevision = "b" }), true),
		Entry("not of a DaemonSet at rest", liveDaemonSet("agent", same), false),
		Entry("a DaemonSet's new generation", liveDaemonSet("agent", func(d *appsv1.DaemonSet) { d.Generation = 3 }), true),
		Entry("a DaemonSet's remaining old pods", liveDaemonSet("agent", func(d *appsv1.DaemonSet) { d.Status.UpdatedNumberScheduled = 2 }), true),
	)

	DescribeTable("reads no more than needed",
		func(spec v1alpha1.RestartSpec, secret string, listed ...string) {
			c := recording(liveDeployment("web", same), reader("ReplicaSet"))
			_, _, err := rollout.Observe(ctx, c, namespace, secret, spec)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.listed).To(HaveExactElements(listed))
		},
		Entry("Never: nothing", v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeNever}, secretName),
		Entry("Auto: pods, and the kinds that own one which reads the Secret", auto, secretName, "*v1.PodList", "*v1.DeploymentList"),
		Entry("Auto, if no pod reads the Secret: nothing but pods", auto, "other", "*v1.PodList"),
		Entry("Listed: those kinds", v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeListed,
			Workloads: []v1alpha1.WorkloadReference{ref("Deployment", "web")}}, "other", "*v1.DeploymentList", "*v1.PodList"),
		Entry("Listed, if it doesn't exist: no pods", v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeListed,
			Workloads: []v1alpha1.WorkloadReference{ref("StatefulSet", "web")}}, secretName, "*v1.StatefulSetList"),
	)

	DescribeTable("says what it couldn't list",
		func(kind, said string) {
			c := recording(read(liveDeployment("web", same))...)
			boom := errors.New("boom")
			c.fail[kind] = boom
			_, _, err := rollout.Observe(ctx, c, namespace, secretName, auto)
			Expect(err).To(MatchError(boom))
			Expect(err).To(MatchError(said))
		},
		Entry("Deployments", "*v1.DeploymentList", "listing the Deployments of namespace monitoring: boom"),
		Entry("StatefulSets", "*v1.StatefulSetList", "listing the StatefulSets of namespace monitoring: boom"),
		Entry("DaemonSets", "*v1.DaemonSetList", "listing the DaemonSets of namespace monitoring: boom"),
		Entry("pods", "*v1.PodList", "listing the pods of namespace monitoring: boom"),
	)

	It("names a workload whose selector can't be read", func() {
		broken := liveDeployment("web", func(d *appsv1.Deployment) {
			d.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
		})
		_, _, err := rollout.Observe(ctx, recording(read(broken)...), namespace, secretName, auto)
		Expect(err).To(MatchError(ContainSubstring("spec.selector of Deployment/web: ")))
	})
})
