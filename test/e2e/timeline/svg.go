package timeline

import (
	"fmt"
	"html"
	"io"
	"time"
)

const (
	nameWidth  = 300
	chartWidth = 620
	rowHeight  = 22
	topHeight  = 60
	groupWidth = 100
	timeWidth  = 60
)

// colours of groups, in the order in which they appear.
var colours = []string{"#4c78a8", "#72b7b2", "#54a24b", "#eeca3b", "#f58518", "#e45756", "#b279a2", "#9d755d"}

// WriteSVG draws a Gantt chart. What began nowhere is a point; stop conditions are
// bold.
func (t Timeline) WriteSVG(w io.Writer, title string) error {
	height := topHeight + rowHeight*len(t.Marks) + 30
	span := max(t.End(), time.Second)
	x := func(d time.Duration) float64 { return nameWidth + chartWidth*d.Seconds()/span.Seconds() }

	out := &errorWriter{w: w}
	out.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		nameWidth+chartWidth+timeWidth, height)
	out.printf(`<rect width="100%%" height="100%%" fill="#ffffff"/>` + "\n")
	out.printf(`<text x="10" y="20" font-size="15" font-weight="bold">%s</text>`+"\n", html.EscapeString(title))
	for d := time.Duration(0); d <= span; d += gridStep(span) {
		out.printf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/>`, x(d), topHeight-8, x(d), height-20)
		out.printf(`<text x="%.1f" y="%d" fill="#666666" text-anchor="middle">%s</text>`+"\n", x(d), height-6, d)
	}
	colour := t.writeLegend(out)
	for row, m := range t.Marks {
		t.writeRow(out, m, row, colour[m.Group], x)
	}
	out.printf("</svg>\n")
	return out.err
}

// writeLegend names the groups, and returns their colours.
func (t Timeline) writeLegend(out *errorWriter) map[string]string {
	byGroup := map[string]string{}
	for _, m := range t.Marks {
		if _, known := byGroup[m.Group]; known {
			continue
		}
		n := len(byGroup)
		byGroup[m.Group] = colours[n%len(colours)]
		x := nameWidth + groupWidth*n
		out.printf(`<rect x="%d" y="32" width="12" height="12" rx="2" fill="%s"/>`, x, byGroup[m.Group])
		out.printf(`<text x="%d" y="42">%s</text>`+"\n", x+18, html.EscapeString(m.Group))
	}
	return byGroup
}

func (t Timeline) writeRow(out *errorWriter, m Mark, row int, colour string, x func(time.Duration) float64) {
	y := topHeight + rowHeight*row
	weight := "normal"
	if m.Stop {
		weight = "bold"
	}
	end := max(t.After(m.At), 0)
	begin := end
	if !m.From.IsZero() {
		begin = min(max(t.After(m.From), 0), end)
	}
	out.printf(`<text x="%d" y="%d" text-anchor="end" font-weight="%s">%s</text>`, nameWidth-10, y+13, weight, html.EscapeString(m.Name))
	if begin < end {
		out.printf(`<rect x="%.1f" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>`, x(begin), y+2, x(end)-x(begin), rowHeight-8, colour)
	} else {
		out.printf(`<circle cx="%.1f" cy="%d" r="5" fill="%s"/>`, x(end), y+9, colour)
	}
	out.printf(`<text x="%.1f" y="%d" font-weight="%s">%s</text>`+"\n", x(end)+8, y+13, weight, end)
}

// gridStep is a round time that gives at most ten lines.
func gridStep(span time.Duration) time.Duration {
	for _, step := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute} {
		if span/step <= 10 {
			return step
		}
	}
	return span / 10
}

// errorWriter keeps the first error.
type errorWriter struct {
	w   io.Writer
	err error
}

func (e *errorWriter) printf(format string, args ...any) {
	if e.err == nil {
		_, e.err = fmt.Fprintf(e.w, format, args...)
	}
}
