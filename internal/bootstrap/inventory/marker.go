package inventory

import (
	"slices"
	"strings"
)

// markerKey begins the line of a machine's description that says whose it is.
const markerKey = "rebirth.tazlab.net/machine: "

// Life is how far the life of a cluster's machine has come.
type Life string

// The lives.
const (
	// Unfinished: no create has come to its end since the machine was made. It holds
	// nothing that anybody could miss.
	Unfinished Life = "unfinished"
	// Complete: a create came to its end with it.
	Complete Life = "complete"
)

// Marker is what a machine's description says of it. With the tag it is what makes
// a machine ours: nobody writes both by accident.
type Marker struct {
	Cluster string
	Node    string
	// Run is the create that the machine belongs to. Machines are marked Complete
	// one by one at its very end, so one that is marked speaks for all of its run.
	Run  string
	Life Life
}

// Tag that every machine of the cluster carries.
func Tag(cluster string) string { return "rebirth-" + cluster }

// String is the line of the description.
func (m Marker) String() string {
	return markerKey + "cluster=" + m.Cluster + " node=" + m.Node + " run=" + m.Run + " life=" + string(m.Life)
}

// ParseMarker finds the marker in a description, however its owner has edited the
// rest. A damaged marker is none.
func ParseMarker(description string) (Marker, bool) {
	for line := range strings.Lines(description) {
		fields, found := strings.CutPrefix(strings.TrimSpace(line), markerKey)
		if !found {
			continue
		}
		var m Marker
		for field := range strings.FieldsSeq(fields) {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "cluster":
				m.Cluster = value
			case "node":
				m.Node = value
			case "run":
				m.Run = value
			case "life":
				m.Life = Life(value)
			}
		}
		return m, m.Cluster != "" && m.Node != "" && m.Run != "" && (m.Life == Unfinished || m.Life == Complete)
	}
	return Marker{}, false
}

// WithMarker is the description with m in place of the marker that it has, or
// behind all else.
func WithMarker(description string, m Marker) string {
	var lines []string
	replaced := false
	for line := range strings.Lines(description) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(strings.TrimSpace(line), markerKey) {
			if replaced {
				continue
			}
			line, replaced = m.String(), true
		}
		lines = append(lines, line)
	}
	if !replaced {
		lines = append(lines, m.String())
	}
	return strings.Join(lines, "\n")
}

// BelongsTo says whether the machine is the cluster's own: it carries both the tag
// and the marker. A machine that lacks either is never touched.
func (v VM) BelongsTo(cluster string) (Marker, bool) {
	marker, found := ParseMarker(v.Description)
	return marker, found && marker.Cluster == cluster && slices.Contains(v.Tags, Tag(cluster))
}
