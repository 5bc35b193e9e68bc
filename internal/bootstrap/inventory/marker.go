package inventory

import (
	"slices"
	"strconv"
	"strings"
)

// markerKey begins the line of a machine's description that says whose it is.
const markerKey = "rebirth.tazlab.net/machine: "

// Life is how far the life of a cluster's machine has come.
type Life string

// The lives.
const (
	// New: no create has sent it a configuration. It holds nothing that anybody could
	// miss.
	New Life = "new"
	// Unfinished: it was sent a configuration, or was about to be, and no create has
	// come to its end with it. That says nothing of what it holds: where etcd has
	// started, Flux is at work, whether or not a later step of the create failed.
	Unfinished Life = "unfinished"
	// Complete: a create came to its end with it.
	Complete Life = "complete"
)

// Marker is what a machine's description says of it. With the tag it is what makes
// a machine ours: nobody writes both by accident.
type Marker struct {
	Cluster string
	Node    string
	// VM is the machine's own number. A clone has the tag and the description of its
	// original, and another number.
	VM int
	// Run is the create that the machine belongs to. Machines are marked Complete
	// one by one at its very end, so one that is marked speaks for all of its run.
	Run  string
	Life Life
}

// Tag that every machine of the cluster carries.
func Tag(cluster string) string { return "rebirth-" + cluster }

// String is the line of the description.
func (m Marker) String() string {
	return markerKey + "cluster=" + m.Cluster + " node=" + m.Node + " vm=" + strconv.Itoa(m.VM) + " run=" + m.Run + " life=" + string(m.Life)
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
			case "vm":
				m.VM, _ = strconv.Atoi(value) // 0 is no number of a machine
			case "run":
				m.Run = value
			case "life":
				m.Life = Life(value)
			}
		}
		return m, m.Cluster != "" && m.Node != "" && m.VM > 0 && m.Run != "" && slices.Contains([]Life{New, Unfinished, Complete}, m.Life)
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
// and the marker, and the marker its number. A machine that lacks any of them is
// never touched.
func (v VM) BelongsTo(cluster string) (Marker, bool) {
	marker, marked := v.marked(cluster)
	return marker, marked && marker.VM == v.ID
}

// CopyOf is the number of the cluster's machine that this one is a copy of, a clone
// or a backup that was restored under another number; false: it is none.
func (v VM) CopyOf(cluster string) (original int, is bool) {
	marker, marked := v.marked(cluster)
	return marker.VM, marked && marker.VM != v.ID
}

// marked says whether the machine has tag and marker of the cluster, whosever they
// are.
func (v VM) marked(cluster string) (Marker, bool) {
	marker, found := ParseMarker(v.Description)
	return marker, found && marker.Cluster == cluster && slices.Contains(v.Tags, Tag(cluster))
}
