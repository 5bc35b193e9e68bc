// Package timeline tells when each thing of a rebirth happened, from what the cluster
// itself remembers, as a table and as a chart. It is pure but for Collect.
package timeline

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Mark is one thing that happened.
type Mark struct {
	// Group that it belongs to, such as "network": the chart gives each a colour.
	Group string
	// Name says what happened.
	Name string
	// From is when that which it ended began, as far as the cluster tells; zero if it
	// doesn't.
	From time.Time
	// At is when it happened, to the second.
	At time.Time
	// Stop marks a stop condition: what somebody may mean by "the cluster is back".
	Stop bool
}

// Timeline is what happened after a start.
type Timeline struct {
	Start time.Time
	Marks []Mark
}

// New sorts the marks by time; those of one second keep their order. Marks that never
// happened (with a zero At) are left out.
func New(start time.Time, marks []Mark) Timeline {
	marks = slices.DeleteFunc(slices.Clone(marks), func(m Mark) bool { return m.At.IsZero() })
	slices.SortStableFunc(marks, func(a, b Mark) int { return a.At.Compare(b.At) })
	return Timeline{Start: start, Marks: marks}
}

// After is the time from the start to the moment.
func (t Timeline) After(at time.Time) time.Duration { return at.Sub(t.Start).Round(time.Second) }

// End is the time of the last mark after the start.
func (t Timeline) End() time.Duration {
	if len(t.Marks) == 0 {
		return 0
	}
	return t.After(t.Marks[len(t.Marks)-1].At)
}

// WriteTable writes a line for each mark, and then the stop conditions apart.
func (t Timeline) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	for _, m := range t.Marks {
		fmt.Fprintf(table, "%s\t  \t", t.After(m.At))
		fmt.Fprintf(table, "%s: %s\n", m.Group, m.Name)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nStop conditions")
	for _, m := range t.Marks {
		if m.Stop {
			fmt.Fprintf(w, "%9s  %s\n", t.After(m.At), m.Name)
		}
	}
	return nil
}
