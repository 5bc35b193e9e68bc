package figures

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// event is what bootstrap's progress (-o json) says of a step.
type event struct {
	At    time.Time
	Step  string
	Node  string
	State string
}

// SlowestNode reads bootstrap's progress, and returns the node whose own steps took
// longest together. Steps of one node follow one another.
func SlowestNode(progress io.Reader) (node string, took time.Duration, err error) {
	began := map[string]time.Time{}
	each, lines := map[string]time.Duration{}, bufio.NewScanner(progress)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return "", 0, fmt.Errorf("the line %q of bootstrap's progress: %w", lines.Text(), err)
		}
		switch start, running := began[e.Step]; {
		case e.Node == "":
		case e.State == "running" && !running:
			began[e.Step] = e.At
		case e.State == "done" && running:
			each[e.Node] += e.At.Sub(start)
			if each[e.Node] > took {
				node, took = e.Node, each[e.Node]
			}
		}
	}
	return node, took, lines.Err()
}
