package mirror

import "github.com/tazzo/rebirth/api/v1alpha1"

// Precedes reports whether import a has a better right to the target than b: it
// holds the mirror already, or was created earlier, or comes first by name.
func Precedes(a, b *v1alpha1.SecretImport, target string) bool {
	if holdsA, holdsB := holds(a, target), holds(b, target); holdsA != holdsB {
		return holdsA
	}
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}

func holds(imp *v1alpha1.SecretImport, target string) bool {
	t := imp.Status.Target
	return t != nil && t.Name == target && t.ResourceVersion != ""
}
