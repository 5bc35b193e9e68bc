package figures_test

import (
	"math"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/bench/figures"
)

var _ = DescribeTable("A nearest-rank percentile",
	func(samples []int, p float64, expected int) {
		before := append([]int{}, samples...)
		Expect(figures.Percentile(samples, p)).To(Equal(expected))
		Expect(append([]int{}, samples...)).To(Equal(before), "the samples keep their order")
	},
	Entry("of no samples is zero", nil, 50.0, 0),
	Entry("of one sample is that sample", []int{7}, 99.0, 7),
	Entry("50 of an odd number is the middle", []int{9, 1, 5}, 50.0, 5),
	Entry("50 of an even number is the lower middle", []int{4, 3, 2, 1}, 50.0, 2),
	Entry("99 of 100 leaves one out", oneTo(100), 99.0, 99),
	Entry("99 of 200 leaves two out", oneTo(200), 99.0, 198),
	Entry("99 of few is the largest", []int{1, 2, 3}, 99.0, 3),
	Entry("100 is the largest", []int{3, 1, 2}, 100.0, 3),
)

func oneTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = n - i
	}
	return out
}

var _ = Describe("A ratio", func() {
	It("divides", func() {
		Expect(figures.Ratio(3*time.Second, 2*time.Second)).To(Equal(1.5))
	})
	It("to nothing is infinite, so that it misses every budget", func() {
		ratio := figures.Ratio(time.Second, 0)
		Expect(math.IsInf(ratio, 1)).To(BeTrue())
		Expect(figures.AtMost("fan-out", ratio, 1.5, figures.Times).Verdict).To(Equal(figures.Missed))
	})
})

var _ = Describe("A verdict", func() {
	It("is met up to the budget itself, and missed beyond it", func() {
		Expect(figures.AtMost("rotation", 250*time.Millisecond, 250*time.Millisecond, figures.Milliseconds)).To(Equal(
			figures.Row{What: "rotation", Measured: "250.0 ms", Budget: "≤ 250.0 ms", Verdict: figures.Met}))
		Expect(figures.AtMost("memory", int64(64<<20+1), 64<<20, figures.MiB).Verdict).To(Equal(figures.Missed))
	})
	It("of what must not happen is missed by one", func() {
		Expect(figures.Zero("writes", 0, "0").Verdict).To(Equal(figures.Met))
		Expect(figures.Zero("writes", 1, "1").Verdict).To(Equal(figures.Missed))
	})
	It("of a run is met if no row is missed, whatever has no budget", func() {
		rows := []figures.Row{figures.Plain("loop", "1 ms"), figures.Zero("writes", 0, "0")}
		Expect(figures.AllMet(rows)).To(BeTrue())
		Expect(figures.AllMet(append(rows, figures.Zero("reads", 2, "2")))).To(BeFalse())
	})
})

var _ = Describe("A table", func() {
	rows := []figures.Row{
		figures.AtMost("rotation, p99", 30*time.Millisecond, 250*time.Millisecond, figures.Milliseconds),
		figures.Plain("a|b", "1"),
	}
	It("aligns its columns as text", func() {
		var out strings.Builder
		Expect(figures.Text(&out, rows)).To(Succeed())
		Expect(out.String()).To(Equal(
			"MEASURE         MEASURED   BUDGET       VERDICT\n" +
				"rotation, p99   30.0 ms    ≤ 250.0 ms   met\n" +
				"a|b             1          –            –\n"))
	})
	It("is Markdown, in which a bar doesn't end a cell", func() {
		Expect(figures.Markdown(rows)).To(Equal(
			"| measure | measured | budget | verdict |\n|---|---|---|---|\n" +
				"| rotation, p99 | 30.0 ms | ≤ 250.0 ms | met |\n" +
				"| a\\|b | 1 | – | – |\n"))
	})
})

var _ = Describe("The place of figures in a document", func() {
	const document = "# Title\n<!-- a -->\nold\n<!-- b -->\nprose\n"

	It("takes the new figures, and the prose stays", func() {
		Expect(figures.Replace(document, "<!-- a -->", "<!-- b -->", "\nnew\n")).To(Equal(
			"# Title\n<!-- a -->\nnew\n<!-- b -->\nprose\n"))
	})
	It("does not change when the same figures are written again", func() {
		once, err := figures.Replace(document, "<!-- a -->", "<!-- b -->", "new")
		Expect(err).NotTo(HaveOccurred())
		Expect(figures.Replace(once, "<!-- a -->", "<!-- b -->", "new")).To(Equal(once))
	})
	DescribeTable("is refused when it isn't clear", func(document, message string) {
		_, err := figures.Replace(document, "<!-- a -->", "<!-- b -->", "new")
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("no begin", "<!-- b -->", "<!-- a --> is there 0 times"),
		Entry("no end", "<!-- a -->", "<!-- b --> is there 0 times"),
		Entry("two begins", "<!-- a --><!-- a --><!-- b -->", "<!-- a --> is there 2 times"),
		Entry("the wrong order", "<!-- b --><!-- a -->", "comes after"),
	)
})

var _ = Describe("The memory of a process", func() {
	const status = "Name:\tsecret-sync\nVmHWM:\t   51200 kB\nVmRSS:\t   40960 kB\nRssAnon:\t   10240 kB\nRssFile:\t   30720 kB\n"

	It("is read from its status", func() {
		Expect(figures.ParseMemory(status)).To(Equal(figures.Memory{Resident: 40 << 20, Peak: 50 << 20, Anonymous: 10 << 20}))
	})
	It("is an error when a line is missing or no number", func() {
		_, err := figures.ParseMemory("Name:\tsecret-sync\n")
		Expect(err).To(MatchError(ContainSubstring("lacks 3")))
		_, err = figures.ParseMemory("VmRSS:\tmuch\n")
		Expect(err).To(MatchError(ContainSubstring("VmRSS:\\tmuch")))
	})
})

var _ = Describe("The output of benchmarks", func() {
	It("is read by name, every sample of it", func() {
		samples, err := figures.ParseBenchmarks(strings.NewReader(`goos: linux
BenchmarkJudge/healthy-2         	     362	   4357749 ns/op
BenchmarkJudge/healthy-2         	     360	   4400000.5 ns/op	  12 B/op
BenchmarkRead 	    1772	    666284 ns/op
PASS
`))
		Expect(err).NotTo(HaveOccurred())
		Expect(samples).To(Equal(map[string][]time.Duration{
			"BenchmarkJudge/healthy": {4357749, 4400000},
			"BenchmarkRead":          {666284},
		}))
	})
	It("is an error when a time is no number", func() {
		_, err := figures.ParseBenchmarks(strings.NewReader("BenchmarkRead 1 fast ns/op\n"))
		Expect(err).To(MatchError(ContainSubstring("BenchmarkRead 1 fast ns/op")))
	})
})

var _ = Describe("The slowest node of bootstrap's progress", func() {
	It("is the one whose own steps took longest together, whatever they waited for and whoever else was at work", func() {
		node, took, err := figures.SlowestNode(strings.NewReader(`{"type":"event","at":"2026-01-02T03:04:00Z","step":"download","state":"running"}
{"type":"event","at":"2026-01-02T03:04:00Z","step":"create a","node":"a","state":"waiting"}
{"type":"event","at":"2026-01-02T03:04:09Z","step":"download","state":"done"}
{"type":"event","at":"2026-01-02T03:04:09Z","step":"create a","node":"a","state":"running"}
{"type":"event","at":"2026-01-02T03:04:10Z","step":"create b","node":"b","state":"running"}
{"type":"event","at":"2026-01-02T03:04:10.5Z","step":"create a","node":"a","state":"running","detail":"the task runs"}
{"type":"event","at":"2026-01-02T03:04:11Z","step":"create a","node":"a","state":"done"}
{"type":"event","at":"2026-01-02T03:04:13Z","step":"start a","node":"a","state":"running"}
{"type":"event","at":"2026-01-02T03:04:13.5Z","step":"create b","node":"b","state":"done"}
{"type":"event","at":"2026-01-02T03:04:15Z","step":"start a","node":"a","state":"done"}
{"type":"summary","began":"2026-01-02T03:04:00Z","seconds":15.000,"phases":[],"failures":[]}
`))
		Expect(err).NotTo(HaveOccurred())
		Expect(node).To(Equal("a"))
		Expect(took).To(Equal(4 * time.Second))
	})
	It("is an error when a line is none of the progress", func() {
		_, _, err := figures.SlowestNode(strings.NewReader("note: no memory can be locked\n"))
		Expect(err).To(MatchError(ContainSubstring("note: no memory can be locked")))
	})
})
