package progress

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
)

// Seconds is a duration that JSON shows as a number of seconds.
type Seconds time.Duration

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', 3, 64), nil
}

// Summary is what a run amounts to.
type Summary struct {
	Began time.Time `json:"began"`
	// Took is from the first event to the last.
	Took     Seconds        `json:"seconds"`
	Phases   []PhaseSummary `json:"phases"`
	Failures []Failure      `json:"failures"`
}

// PhaseSummary is what a phase amounts to.
type PhaseSummary struct {
	Phase string `json:"phase"`
	// Start is counted from the run's; it is missing if no step of the phase has begun.
	Start *Seconds `json:"startSeconds,omitempty"`
	// Took is for how long at least one step of the phase ran.
	Took Seconds `json:"seconds"`
	// The number of steps, by what became of them. Unfinished ones were running or
	// waiting when the run ended.
	Done       int `json:"done"`
	Skipped    int `json:"skipped"`
	Failed     int `json:"failed"`
	Unfinished int `json:"unfinished"`
	// SlowestNode is the one whose steps took longest together.
	SlowestNode string  `json:"slowestNode,omitempty"`
	SlowestTook Seconds `json:"slowestSeconds,omitempty"`
}

// Failure is a step that failed.
type Failure struct {
	Phase string `json:"phase"`
	Step  string `json:"step"`
	Node  string `json:"node,omitempty"`
	Title string `json:"title"`
	Cause string `json:"cause"`
}

func summarize(b *Board) Summary {
	s := Summary{Began: b.Start, Took: Seconds(b.Last.Sub(b.Start)), Phases: []PhaseSummary{}, Failures: []Failure{}}
	for _, p := range b.Phases(b.Last) {
		summary := PhaseSummary{
			Phase: p.Name, Took: Seconds(p.Took),
			Done: p.Steps[Done], Skipped: p.Steps[Skipped], Failed: p.Steps[Failed], Unfinished: p.Steps[Running] + p.Steps[Waiting],
			SlowestNode: p.Slowest, SlowestTook: Seconds(p.SlowestTook),
		}
		if !p.Began.IsZero() {
			summary.Start = new(Seconds(p.Began.Sub(b.Start)))
		}
		s.Phases = append(s.Phases, summary)
	}
	for _, r := range b.Rows {
		if r.State == Failed {
			s.Failures = append(s.Failures, Failure{Phase: r.Phase, Step: r.Step, Node: r.Node, Title: r.Title, Cause: join(r.Detail, r.Err)})
		}
	}
	return s
}

// String is the table of the phases, each failure with its cause, and the total.
func (s Summary) String() string {
	t := table.New().Border(lipgloss.NormalBorder()).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).
		Headers("phase", "start", "took", "steps", "slowest node").
		StyleFunc(func(_, column int) lipgloss.Style {
			style := lipgloss.NewStyle().Padding(0, 1)
			if column == 1 || column == 2 {
				return style.Align(lipgloss.Right)
			}
			return style
		})
	for _, p := range s.Phases {
		t.Row(p.cells()...)
	}
	lines := []string{trimmed(t.String()), ""}
	for _, f := range s.Failures {
		lines = append(lines, " "+words[Failed]+"  "+join(f.Node, f.Title, f.Cause))
	}
	return strings.Join(append(lines, " total  "+spell(time.Duration(s.Took))), "\n")
}

func (p PhaseSummary) cells() []string {
	started, took, slowest := "-", "-", ""
	if p.Start != nil {
		started, took = clockTime(time.Duration(*p.Start)), spell(time.Duration(p.Took))
	}
	if p.SlowestNode != "" {
		slowest = fmt.Sprintf("%s (%s)", p.SlowestNode, spell(time.Duration(p.SlowestTook)))
	}
	return []string{p.Phase, started, took, p.steps(), slowest}
}

// steps counts them, and says what is not as it should be.
func (p PhaseSummary) steps() string {
	counts := []string{}
	for _, c := range []struct {
		n    int
		what string
	}{{p.Done, "done"}, {p.Failed, "failed"}, {p.Skipped, "skipped"}, {p.Unfinished, "unfinished"}} {
		if c.n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(counts, ", ")
}

// trimmed cuts the padding at the lines' ends.
func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
