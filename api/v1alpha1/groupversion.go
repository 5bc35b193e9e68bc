// Package v1alpha1 is the API of Rebirth: what a database's owner allows
// (SecretExport), what a consumer asks for (SecretImport), and what must be proven
// of the network before the rest of a cluster is built (ReadinessGate).
//
// Its types hold no behaviour beyond defaults that follow from the spec alone,
// so that other programs can import it without pulling in a controller.
//
// +kubebuilder:object:generate=true
// +groupName=rebirth.tazlab.net
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "rebirth.tazlab.net", Version: "v1alpha1"}

// AddToScheme registers this package's kinds.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&SecretExport{}, &SecretExportList{},
		&SecretImport{}, &SecretImportList{},
		&ReadinessGate{}, &ReadinessGateList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
