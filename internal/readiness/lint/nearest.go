package lint

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// nearest returns the candidate that was most likely meant: one that contains
// the name or is contained in it, else one that differs in less than half of its
// letters; "" if there is none. Of two equally near ones the first wins.
func nearest(name string, candidates []string) string {
	best, bestContains, bestDistance := "", false, 0
	for _, candidate := range candidates {
		contains := strings.Contains(candidate, name) || strings.Contains(name, candidate)
		distance := levenshtein.ComputeDistance(name, candidate)
		if candidate == name || !contains && 2*distance >= max(len(name), len(candidate)) {
			continue
		}
		if best == "" || contains && !bestContains || contains == bestContains && distance < bestDistance {
			best, bestContains, bestDistance = candidate, contains, distance
		}
	}
	return best
}
