package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tazzo/rebirth/test/bench/audit"
	"github.com/tazzo/rebirth/test/controlplane"
)

// auditTail reads a user's requests from the API server's audit log as they are added.
type auditTail struct {
	path   string
	user   string
	offset int64
}

// tailAudit starts at the present end of the log.
func tailAudit(plane *controlplane.ControlPlane, user string) (*auditTail, error) {
	info, err := os.Stat(plane.AuditLog())
	if err != nil {
		return nil, err
	}
	return &auditTail{path: plane.AuditLog(), user: user, offset: info.Size()}, nil
}

func (w *world) tailAudit() (*auditTail, error) { return tailAudit(w.plane, user) }

// next returns what was added since the last call.
func (t *auditTail) next() ([]audit.Event, error) {
	log, err := os.Open(t.path)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	added, err := io.ReadAll(io.NewSectionReader(log, t.offset, 1<<62))
	if err != nil {
		return nil, err
	}
	whole := added[:bytes.LastIndexByte(added, '\n')+1]
	t.offset += int64(len(whole))
	return audit.Read(bytes.NewReader(whole), t.user)
}

// untilQuiet returns what was added until the user has asked for nothing for that long.
func (t *auditTail) untilQuiet(ctx context.Context, long time.Duration) ([]audit.Event, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var all []audit.Event
	for last := time.Now(); ; {
		events, err := t.next()
		if err != nil {
			return nil, err
		}
		if all = append(all, events...); len(events) > 0 {
			last = time.Now()
		}
		if time.Since(last) > long {
			return all, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// quiet waits until the controller has nothing more to do.
func (w *world) quiet(ctx context.Context) error {
	tail, err := w.tailAudit()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, arrivalTimeout, fmt.Errorf("the controller did not come to rest within %s", arrivalTimeout))
	defer cancel()
	_, err = tail.untilQuiet(ctx, 1500*time.Millisecond)
	return err
}
