// Command failures prints what failed in a run of Ginkgo, from its JSON report.
//
//	go run ./test/failures out/specs.json
//
// Several suites print minutes of output one after the other. This is the last that is
// seen of a run, also where only the end of its output is kept.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: failures REPORT, the file of ginkgo's --json-report")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "failures:", err)
		os.Exit(1)
	}
}

func run(path string, out io.Writer) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("no report of this run, so no spec ran to its end: %w", err)
	}
	var reports []types.Report
	if err := json.Unmarshal(content, &reports); err != nil {
		return fmt.Errorf("%s is not ginkgo's JSON report: %w", path, err)
	}
	write(out, reports)
	return nil
}

// write tells of each suite that failed, and of each spec by which it did.
func write(out io.Writer, reports []types.Report) {
	for _, suite := range reports {
		if suite.SuiteSucceeded {
			continue
		}
		fmt.Fprintf(out, "\nFAILED %s (%s)\n", suite.SuiteDescription, suite.SuitePath)
		for _, reason := range suite.SpecialSuiteFailureReasons {
			fmt.Fprintf(out, "  %s\n", reason)
		}
		for _, spec := range suite.SpecReports {
			if spec.Failed() {
				writeSpec(out, spec)
			}
		}
	}
}

func writeSpec(out io.Writer, spec types.SpecReport) {
	name := spec.FullText()
	if name == "" {
		name = spec.LeafNodeType.String()
	}
	fmt.Fprintf(out, "- %s\n  %s after %s, %s\n%s\n", name, spec.State, spec.RunTime.Round(100*time.Millisecond), spec.FailureLocation(), ends(spec.FailureMessage()))
	for _, further := range spec.AdditionalFailures {
		fmt.Fprintf(out, "  and then %s, %s\n%s\n", further.State, further.Failure.Location, ends(further.Failure.Message))
	}
}

// ends of a message: it begins with what was found, and ends with what was expected.
func ends(message string) string {
	const head, tail = 800, 400
	if len(message) <= head+tail {
		return message
	}
	return fmt.Sprintf("%s\n[... %d bytes are left out ...]\n%s", message[:head], len(message)-head-tail, message[len(message)-tail:])
}
