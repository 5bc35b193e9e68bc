package proxmox

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Fault is what goes wrong with calls. One of Status, Hang, Drop, Deaf, TaskExit and
// TaskWarning says how.
type Fault struct {
	// Method of the calls that it is for; empty: any.
	Method string
	// Path below /api2/json, as a pattern of path.Match: "/nodes/*/qemu/101".
	Path string
	// Says is a text that one of the call's parameters has in it; empty: any call.
	Says string
	// Times is how many calls it is for; 0: one; negative: all.
	Times int

	// Status and Message are answered instead of anything done.
	Status  int
	Message string
	// Hang: nothing is done, and no answer comes.
	Hang bool
	// Drop: nothing is done, and the connection is cut.
	Drop bool
	// Deaf: it is done, and the connection cut before the answer.
	Deaf bool
	// TaskExit: the call starts a task that does nothing and ends with this exit status.
	TaskExit string
	// TaskWarning: the task does its work, and ends with this warning.
	TaskWarning string
}

// prevents says whether nothing of the call is done.
func (f *Fault) prevents() bool { return f.Status != 0 || f.Hang || f.Drop }

// Fail arms a fault.
func (s *Server) Fail(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal disarms all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// nextFault is the first one that is for the call; nil if none is.
func (s *Server) nextFault(method, called string, params url.Values) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !f.isFor(method, called, params) {
			continue
		}
		if f.Times--; f.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return f
	}
	return nil
}

func (f *Fault) isFor(method, called string, params url.Values) bool {
	if matches, err := path.Match(f.Path, called); err != nil || !matches || (f.Method != "" && f.Method != method) {
		return false
	}
	if f.Says == "" {
		return true
	}
	for _, values := range params {
		if slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, f.Says) }) {
			return true
		}
	}
	return false
}

// act does what a fault says that keeps the call from being made.
func (s *Server) act(w http.ResponseWriter, r *http.Request, f *Fault) {
	switch {
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-s.life.Done():
		}
		panic(http.ErrAbortHandler)
	case f.Drop:
		panic(http.ErrAbortHandler)
	default:
		answer(w, nil, &failure{status: f.Status, message: f.Message})
	}
}
