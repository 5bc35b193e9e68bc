package kubelet

import (
	"bytes"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// PodOf is the pod that a template makes in a namespace.
func PodOf(template corev1.PodTemplateSpec, namespace string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: *template.Spec.DeepCopy()}
	pod.Namespace = namespace
	return pod
}

// RenderedPod is the pod that the one workload of that kind (Deployment, DaemonSet)
// among a chart's rendered objects makes.
func RenderedPod(chart []byte, kind string) (*corev1.Pod, error) {
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(chart), 4096)
	for {
		var workload struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
			Spec              struct {
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		if err := documents.Decode(&workload); err != nil {
			return nil, fmt.Errorf("a %s among the chart's objects: %w", kind, err)
		}
		if workload.Kind == kind && len(workload.Spec.Template.Spec.Containers) > 0 {
			return PodOf(workload.Spec.Template, workload.Namespace), nil
		}
	}
}
