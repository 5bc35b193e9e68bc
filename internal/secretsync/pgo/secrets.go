package pgo

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const caKey = "ca.crt"

// CASecret names the Secret and its key that hold the certificate authority of
// the cluster's server certificate. The key is empty if a customTLSSecret has
// items and none of them is ca.crt.
func (c Cluster) CASecret() (name, key string) {
	if c.TLSSecret != "" {
		return c.TLSSecret, c.TLSSecretCAKey
	}
	return c.Name + "-cluster-cert", caKey
}

// Owned reports whether secret belongs to the cluster: its controller is the
// PostgresCluster with this very UID. PGO's labels prove nothing, for anybody
// can write them; the same name with another UID is a cluster of a former life.
// If it doesn't, culprit says whose it is instead.
func Owned(secret metav1.Object, c Cluster) (culprit string, ok bool) {
	owner := metav1.GetControllerOf(secret)
	switch {
	case owner == nil:
		return "no controller owns it", false
	case !isCluster(owner):
		return fmt.Sprintf("its controller is %s %s of %s", owner.Kind, owner.Name, owner.APIVersion), false
	case owner.Name != c.Name:
		return fmt.Sprintf("its controller is %s %s", owner.Kind, owner.Name), false
	case owner.UID == "" || owner.UID != c.UID:
		return fmt.Sprintf("its controller is an earlier %s %s (UID %s, now %s)", owner.Kind, owner.Name, owner.UID, c.UID), false
	}
	return "", true
}

// Orphaned reports whether secret belongs to a cluster of this name in a former
// life: the garbage collector removes it.
func Orphaned(secret metav1.Object, c Cluster) bool {
	owner := metav1.GetControllerOf(secret)
	return owner != nil && owner.UID != "" && owner.UID != c.UID && isCluster(owner) && owner.Name == c.Name
}

func isCluster(owner *metav1.OwnerReference) bool {
	return owner.Kind == Kind && schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).Group == GroupVersionKind.Group
}

// Complete names the keys without which a user's Secret can't be used, and which
// are absent or empty, in a fixed order. The verifier may be empty: PGO writes
// it after it has adopted a Secret.
func Complete(data map[string][]byte) (missing []string) {
	for _, key := range []string{"host", "port", "user", "password"} {
		if len(data[key]) == 0 {
			missing = append(missing, key)
		}
	}
	return missing
}
