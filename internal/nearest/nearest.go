// Package nearest guesses what was meant by a name that doesn't exist.
package nearest

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Name returns the candidate that was most likely meant: one that contains the name,
// is contained in it (three letters of it, at least) or is of the same letters, else
// one that differs in less than half of its letters; "" if there is none. Of two
// equally near ones the first wins.
func Name(name string, candidates []string) string {
	best, bestAlike, bestDistance := "", false, 0
	for _, candidate := range candidates {
		if candidate == name {
			continue
		}
		alike := contains(candidate, name) || contains(name, candidate) || letters(name) == letters(candidate)
		distance := levenshtein.ComputeDistance(name, candidate)
		if !alike && 2*distance >= max(len(name), len(candidate)) {
			continue
		}
		if best == "" || alike && !bestAlike || alike == bestAlike && distance < bestDistance {
			best, bestAlike, bestDistance = candidate, alike, distance
		}
	}
	return best
}

func contains(name, part string) bool {
	return len(part) >= 3 && strings.Contains(name, part)
}

func letters(name string) string {
	sorted := []rune(name)
	slices.Sort(sorted)
	return string(sorted)
}
