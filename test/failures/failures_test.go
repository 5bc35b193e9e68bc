package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
)

func TestFailures(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "what is said of specs that failed")
}

// said of the reports, as Ginkgo writes them.
func said(reports ...types.Report) string {
	GinkgoHelper()
	content, err := json.Marshal(reports)
	Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(GinkgoT().TempDir(), "specs.json")
	Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
	var out strings.Builder
	Expect(run(path, &out)).To(Succeed())
	return out.String()
}

// failed is a suite with one spec that passed and one that failed.
func failed(message string) types.Report {
	failure := types.Failure{Message: message, Location: types.CodeLocation{FileName: "gate_test.go", LineNumber: 7}}
	return types.Report{SuiteDescription: "the gate", SpecReports: types.SpecReports{
		{LeafNodeText: "stays shut", LeafNodeType: types.NodeTypeIt, State: types.SpecStatePassed},
		{LeafNodeText: "opens", LeafNodeType: types.NodeTypeIt, State: types.SpecStateFailed, Failure: failure},
	}}
}

var _ = Describe("the failures", func() {
	It("name suite, spec, place and reason", func() {
		Expect(said(failed("Expected open"))).To(And(
			ContainSubstring("FAILED the gate"), ContainSubstring("- opens\n"), ContainSubstring("gate_test.go:7"), ContainSubstring("Expected open")))
	})

	It("are silent of what passed", func() {
		Expect(said(failed(""), types.Report{SuiteDescription: "the mirror", SuiteSucceeded: true})).NotTo(
			Or(ContainSubstring("stays shut"), ContainSubstring("the mirror")))
	})

	It("show both ends of a long message", func() {
		Expect(said(failed("Expected" + strings.Repeat(" word", 1000) + " to open"))).To(And(
			ContainSubstring("Expected word"), ContainSubstring("word to open"), WithTransform(func(said string) int { return len(said) }, BeNumerically("<", 1500))))
	})

	It("name a suite's own reason, and a node that has no text", func() {
		report := types.Report{SuiteDescription: "the gate", SpecialSuiteFailureReasons: []string{"Interrupted by User"}, SpecReports: types.SpecReports{
			{LeafNodeType: types.NodeTypeBeforeSuite, State: types.SpecStateFailed},
		}}
		Expect(said(report)).To(And(ContainSubstring("Interrupted by User"), ContainSubstring("- BeforeSuite\n")))
	})

	It("say so when there is no report", func() {
		Expect(run(filepath.Join(GinkgoT().TempDir(), "specs.json"), &strings.Builder{})).To(MatchError(ContainSubstring("no report of this run")))
	})
})
