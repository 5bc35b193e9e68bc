package proxmox

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var upidShape = regexp.MustCompile(`^UPID:[A-Za-z0-9-]+:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[^:\s/]+:[^:\s/]*:[^:\s/]+:$`)

// task is a piece of work in the background.
type task struct {
	server  *Server
	upid    string
	host    string
	kind    string
	id      string
	user    string
	started time.Time

	// The rest is guarded by the server's mu.
	ended bool
	exit  string
	lines []string
	asked bool // for its status
}

// Task is a task as it stands.
type Task struct {
	Type string
	// ID of the machine, say.
	ID   string
	Host string
	// Exit status; empty while it runs.
	Exit string
}

// Tasks are all tasks so far, in the order in which they were started.
func (s *Server) Tasks() []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Task, s.lastTask)
	for _, t := range s.tasks {
		number, _ := strconv.ParseInt(strings.Split(t.upid, ":")[2], 16, 64)
		all[number-1] = Task{Type: t.kind, ID: t.id, Host: t.host, Exit: t.exit}
	}
	return all
}

// startTask does the work in the background and returns the task's name. The error
// of work is its exit status, unless the call has a fault that says another.
func (s *Server) startTask(c *call, kind, id string, work func(*task) error) string {
	s.mu.Lock()
	s.lastTask++
	now := time.Now()
	t := &task{server: s, host: c.vars["node"], kind: kind, id: id, user: c.token.ID, started: now}
	t.upid = fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:%s:", t.host, s.lastTask, s.lastTask*100, now.Unix(), kind, id, t.user)
	s.tasks[t.upid] = t
	s.mu.Unlock()
	s.worker.Go(func() {
		var err error
		switch f := c.fault; {
		case f != nil && f.TaskExit != "":
			err = errors.New(f.TaskExit)
		default:
			if err = work(t); err == nil && f != nil && f.TaskWarning != "" {
				err = warned{f.TaskWarning}
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		t.end(err)
	})
	return t.upid
}

// warned is the end of a task that did its work, though not without trouble.
type warned struct{ text string }

func (w warned) Error() string { return w.text }

// end is called with the server's mu held.
func (t *task) end(err error) {
	var warning warned
	t.ended, t.exit = true, "OK"
	switch {
	case errors.As(err, &warning):
		t.exit = "WARNINGS: 1"
		t.lines = append(t.lines, "WARN: "+warning.text, "TASK WARNINGS: 1")
	case err != nil:
		t.exit = err.Error()
		t.lines = append(t.lines, "TASK ERROR: "+t.exit)
	default:
		t.lines = append(t.lines, "TASK OK")
	}
}

func (t *task) log(format string, args ...any) {
	t.server.mu.Lock()
	defer t.server.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// takes lets the time of the task's type pass.
func (t *task) takes(kind string) error {
	if !t.server.sleep(t.server.taskTime(kind)) {
		return context.Canceled
	}
	return nil
}

// findTask fails as Proxmox does with a task that it doesn't know, and late ones.
func (s *Server) findTask(c *call) (*task, *failure) {
	upid := c.params["upid"]
	if !upidShape.MatchString(upid) {
		return nil, invalid(map[string]string{"upid": "unable to parse worker upid"})
	}
	t := s.tasks[upid]
	if t == nil || (s.options.LateTasks && !t.asked) {
		if t != nil {
			t.asked = true
		}
		return nil, invalid(map[string]string{"upid": "no such task"})
	}
	if t.user != c.token.ID {
		if fail := c.token.check("/nodes/"+t.host, "Sys.Audit"); fail != nil {
			return nil, fail
		}
	}
	return t, nil
}

func (s *Server) taskStatus(c *call) (any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, fail := s.findTask(c)
	if fail != nil {
		return nil, fail
	}
	status := map[string]any{
		"upid": t.upid, "node": t.host, "type": t.kind, "id": t.id, "user": strings.Split(t.user, "!")[0],
		"tokenid": strings.Split(t.user, "!")[1], "starttime": t.started.Unix(), "status": "running",
	}
	if t.ended {
		status["status"], status["exitstatus"] = "stopped", t.exit
	}
	return status, nil
}

func (s *Server) taskLog(c *call) (any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, fail := s.findTask(c)
	if fail != nil {
		return nil, fail
	}
	start, _ := strconv.Atoi(c.params["start"])
	limit, _ := strconv.Atoi(c.params["limit"])
	if limit == 0 {
		limit = 50
	}
	if len(t.lines) == 0 {
		return []map[string]any{{"n": 1, "t": "no content"}}, nil
	}
	lines := []map[string]any{}
	for i := start; i < min(len(t.lines), start+limit); i++ {
		lines = append(lines, map[string]any{"n": i + 1, "t": t.lines[i]})
	}
	return lines, nil
}
