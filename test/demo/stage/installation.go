package stage

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// Installation is how a user installs a program through Flux.
type Installation struct {
	// AddFiles adds what the user's repository then holds; Push comes after it.
	AddFiles func() error
	// Kustomizations returns those that the user copies, once the repository is
	// pushed. The program's own waits for dependsOn too.
	Kustomizations func(dependsOn ...string) ([]*unstructured.Unstructured, error)
}
