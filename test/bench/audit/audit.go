// Package audit reads the API server's audit log: what a client really asked for,
// in the words of the server and not of the client.
package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Event is one finished request, as far as the figures need it
// (audit.k8s.io/v1 Event).
type Event struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	Object *struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
}

// Read returns the user's requests for objects, without watches (they carry the
// changes and end at a time-out) and without leader election.
func Read(log io.Reader, user string) ([]Event, error) {
	var events []Event
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, fmt.Errorf("a line of the audit log: %w", err)
		}
		if event.User.Username == user && event.Object != nil && event.Verb != "watch" && event.Object.Resource != "leases" {
			events = append(events, event)
		}
	}
	return events, lines.Err()
}

// Request is the kind of a request, such as "get secrets".
func (e Event) Request() string {
	if e.Object.Subresource != "" {
		return e.Verb + " " + e.Object.Resource + "/" + e.Object.Subresource
	}
	return e.Verb + " " + e.Object.Resource
}

// Writes reports whether the request may have changed something.
func (e Event) Writes() bool {
	return !slices.Contains([]string{"get", "list"}, e.Verb)
}

// Within keeps the requests whose namespace has the prefix.
func Within(events []Event, prefix string) []Event {
	var out []Event
	for _, e := range events {
		if strings.HasPrefix(e.Object.Namespace, prefix) {
			out = append(out, e)
		}
	}
	return out
}

// Tally counts requests by their kind.
func Tally(events []Event) map[string]int {
	out := map[string]int{}
	for _, e := range events {
		out[e.Request()]++
	}
	return out
}

// PerUnit shows a tally as a mean of each kind per unit, after what is not the
// unit's was taken off: "1.00 get secrets, 1.00 update secrets".
func PerUnit(tally, less map[string]int, units int) (total float64, text string) {
	var parts []string
	for _, request := range slices.Sorted(maps.Keys(tally)) {
		mean := float64(tally[request]-less[request]) / float64(units)
		if mean == 0 {
			continue
		}
		total += mean
		parts = append(parts, fmt.Sprintf("%.2f %s", mean, request))
	}
	return total, strings.Join(parts, ", ")
}
