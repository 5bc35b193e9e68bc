// Package figures turns measurements into the lines of a report: percentiles,
// verdicts on budgets, the table, and its place in a document. It is pure.
package figures

import (
	"math"
	"slices"
)

// Number is what can be ranked and divided.
type Number interface{ ~int | ~int64 | ~float64 }

// Percentile is the nearest-rank percentile (0 < p ≤ 100): the smallest sample
// that at least p percent of all samples do not exceed. Zero without samples.
func Percentile[N Number](samples []N, p float64) N {
	if len(samples) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Ratio of two measurements; infinite when nothing stands below the line.
func Ratio[N Number](of, to N) float64 {
	if to == 0 {
		return math.Inf(1)
	}
	return float64(of) / float64(to)
}
