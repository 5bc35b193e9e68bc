package proxmox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tazzo/rebirth/internal/quote"
)

// newTaskGrace is how long Proxmox may not know a task that it has just started.
const newTaskGrace = 10 * time.Second

var (
	// upidShape is PVE::UPID's.
	upidShape  = regexp.MustCompile(`^UPID:([A-Za-z0-9-]+):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:([^:\s/]+):[^:\s/]*:[^:\s/]+:$`)
	percentage = regexp.MustCompile(`(\d{1,3})(?:\.\d+)?%`)
	warnings   = regexp.MustCompile(`^WARNINGS: (\d+)$`)
)

// task is a piece of work that Proxmox does in the background.
type task struct {
	upid string
	host string
	kind string // such as qmstart
}

func parseTask(upid string) (task, error) {
	match := upidShape.FindStringSubmatch(upid)
	if match == nil {
		return task{}, fmt.Errorf("%q is not the name of a task", quote.Line(upid, 100))
	}
	return task{upid: upid, host: match[1], kind: match[2]}, nil
}

func (t task) path(part string) string { return path("nodes", t.host, "tasks", t.upid, part) }

// verdict says what the exit status of a task means: a number of warnings, or a failure.
func verdict(exit string) (warned int, failure string) {
	if exit == "OK" {
		return 0, ""
	}
	if match := warnings.FindStringSubmatch(exit); match != nil {
		warned, _ = strconv.Atoi(match[1])
		return warned, ""
	}
	if exit == "" || exit == "unexpected status" {
		return 0, "it ended without a word: was the host restarted, or the task killed?"
	}
	return 0, exit
}

// progressOf is the last percentage in the lines of a task's log: wget's while an
// image is downloaded, qemu-img's while it is imported.
func progressOf(lines []string) (percent int, found bool) {
	for _, line := range lines {
		if matches := percentage.FindAllStringSubmatch(line, -1); matches != nil {
			percent, _ = strconv.Atoi(matches[len(matches)-1][1])
			found = true
		}
	}
	return percent, found
}

// run starts a task and awaits it. As long as somebody else holds the lock that the
// task needs, it is started again.
func (c *Client) run(ctx context.Context, doing, method, path string, params url.Values, report func(string)) error {
	pauses, state := c.pauses(), ""
	for {
		err := c.attempt(ctx, doing, method, path, params, report)
		switch {
		case err != nil && ctx.Err() != nil && state != "":
			return ended(ctx, doing, state)
		case !errors.Is(err, Locked):
			return err
		}
		state = err.Error()
		report(state + "; trying again")
		if err := pauses.next(ctx, doing, state); err != nil {
			return err
		}
	}
}

func (c *Client) attempt(ctx context.Context, doing, method, path string, params url.Values, report func(string)) error {
	var upid string
	err := c.call(ctx, method, path, params, &upid)
	var answered *Error
	switch {
	case err != nil && ctx.Err() != nil:
		return ended(ctx, doing, "")
	case errors.As(err, &answered):
		answered.Doing = doing // says more than the call's path
		return answered
	case err != nil:
		return err
	}
	if upid == "" {
		return nil // done without a task
	}
	t, err := parseTask(upid)
	if err != nil {
		return &Error{Kind: Failed, Doing: doing, Message: err.Error()}
	}
	return c.await(ctx, doing, t, report)
}

// await returns when the task has ended, with its failure if it is one. Warnings
// and progress are reported.
func (c *Client) await(ctx context.Context, doing string, t task, report func(string)) error {
	started, pauses, outage := c.clock.Now(), c.pauses(), outage{clock: c.clock}
	log := taskLog{client: c, task: t}
	state := "the task runs"
	for {
		var status struct {
			Status string `json:"status"`
			Exit   string `json:"exitstatus"`
		}
		err := c.call(ctx, http.MethodGet, t.path("status"), nil, &status)
		unknown := errors.Is(err, Invalid) && c.clock.Since(started) < newTaskGrace
		switch {
		case ctx.Err() != nil:
			return ended(ctx, doing, state)
		case outage.forgives(err), unknown:
			state = err.Error()
		case err != nil:
			return err
		case status.Status == "stopped":
			return c.conclude(ctx, doing, &log, status.Exit, report)
		default:
			if news := log.progress(ctx); news != "" {
				state = "the task runs, " + news
				report(doing + ", " + news)
			}
		}
		if err := pauses.next(ctx, doing, state); err != nil {
			return err
		}
	}
}

// conclude turns a task's exit status into an error, or into a report of warnings.
func (c *Client) conclude(ctx context.Context, doing string, log *taskLog, exit string, report func(string)) error {
	warned, failure := verdict(exit)
	if failure != "" {
		message := fmt.Sprintf("task %s failed: %s", log.task.kind, quote.Line(failure, 300))
		if detail := lastBefore(log.lines(ctx), "TASK ERROR"); detail != "" && !strings.Contains(failure, detail) {
			message += "; its log ends: " + quote.Line(detail, 200)
		}
		return &Error{Kind: kindOf(failure), Doing: doing, Message: message}
	}
	if warned > 0 {
		report(fmt.Sprintf("%s: done, with a warning: %s", doing, quote.Line(firstWarning(log.lines(ctx)), 200)))
	}
	return nil
}

// lastBefore is the last line that isn't empty before the one with the given beginning.
func lastBefore(lines []string, beginning string) string {
	last := ""
	for _, line := range lines {
		if strings.HasPrefix(line, beginning) {
			break
		}
		if trimmed := strings.TrimSpace(line); trimmed != "" {
			last = trimmed
		}
	}
	return last
}

func firstWarning(lines []string) string {
	for _, line := range lines {
		if text, found := strings.CutPrefix(line, "WARN: "); found {
			return text
		}
	}
	return "the task's log in Proxmox says which"
}

// taskLog reads a task's log bit by bit. It is read for progress and causes alone:
// that it can't be read is no failure.
type taskLog struct {
	client  *Client
	task    task
	read    int
	last    []string // the last hundred lines
	percent int
}

// progress is what is new about it since the last time, such as "40 %"; empty if
// nothing is.
func (l *taskLog) progress(ctx context.Context) string {
	percent, found := progressOf(l.lines(ctx))
	if !found || percent == l.percent {
		return ""
	}
	l.percent = percent
	return fmt.Sprintf("%d %%", percent)
}

// lines are the last lines of the log as it is now.
func (l *taskLog) lines(ctx context.Context) []string {
	const limit = 500
	for {
		var more []struct {
			N    int    `json:"n"`
			Text string `json:"t"`
		}
		params := url.Values{"start": {strconv.Itoa(l.read)}, "limit": {strconv.Itoa(limit)}}
		if err := l.client.call(ctx, http.MethodGet, l.task.path("log"), params, &more); err != nil {
			return l.last
		}
		for _, line := range more {
			if line.N == 1 && line.Text == "no content" {
				continue // which Proxmox says of an empty log
			}
			l.read = line.N
			l.last = append(l.last, line.Text)
		}
		l.last = l.last[max(0, len(l.last)-100):]
		if len(more) < limit {
			return l.last
		}
	}
}
