package figures

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"
)

// benchmarkLine is a result of "go test -bench": the name, the number of processors
// behind it, the rounds and the time of one.
var benchmarkLine = regexp.MustCompile(`^(Benchmark\S*?)(?:-\d+)?\s+\d+\s+(\S+) ns/op`)

// ParseBenchmarks reads what "go test -bench" prints: the samples of each benchmark, by
// its name without the number of processors.
func ParseBenchmarks(output io.Reader) (map[string][]time.Duration, error) {
	samples, lines := map[string][]time.Duration{}, bufio.NewScanner(output)
	for lines.Scan() {
		found := benchmarkLine.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		nanoseconds, err := strconv.ParseFloat(found[2], 64)
		if err != nil {
			return nil, fmt.Errorf("the line %q of a benchmark: %w", lines.Text(), err)
		}
		samples[found[1]] = append(samples[found[1]], time.Duration(nanoseconds))
	}
	return samples, lines.Err()
}
