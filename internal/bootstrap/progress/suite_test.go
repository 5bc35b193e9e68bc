package progress_test

import (
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/progress"
)

func TestProgress(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "progress")
}

// TestMain lets a spec run this binary as a process with a terminal of its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == interruptible {
		os.Exit(runInterruptible())
	}
	os.Exit(m.Run())
}

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// event of a step is written step@node, at so many seconds since the start.
func event(seconds float64, phase, step, node string, state progress.State, detail string) progress.Event {
	e := progress.Event{
		At: began.Add(time.Duration(seconds * float64(time.Second))), Phase: phase, Step: step + "@" + node, Node: node, Title: step, State: state, Detail: detail,
	}
	if state == progress.Failed {
		e.Detail, e.Err = "", detail
	}
	return e
}

func note(seconds float64, text string) progress.Event {
	return progress.Event{At: began.Add(time.Duration(seconds * float64(time.Second))), State: progress.Note, Detail: text}
}

// story is a run in which one of two machines can't be made.
func story() []progress.Event {
	return []progress.Event{
		note(0, "VM 9009 (old) is left alone"),
		event(0, "preflight", "check Proxmox", "", progress.Running, ""),
		event(1.2, "preflight", "check Proxmox", "", progress.Done, ""),
		event(1.3, "machines", "create the VM", "cp-1", progress.Waiting, ""),
		event(1.3, "machines", "create the VM", "worker-1", progress.Waiting, ""),
		event(1.3, "boot", "wait for Talos", "cp-1", progress.Waiting, ""),
		event(1.3, "boot", "wait for Talos", "worker-1", progress.Waiting, ""),
		event(1.4, "machines", "create the VM", "cp-1", progress.Running, ""),
		event(1.4, "machines", "create the VM", "worker-1", progress.Running, ""),
		event(20, "machines", "create the VM", "cp-1", progress.Running, "importing the image, 40 %"),
		event(45.4, "machines", "create the VM", "cp-1", progress.Done, ""),
		event(45.4, "boot", "wait for Talos", "cp-1", progress.Running, ""),
		event(61.4, "machines", "create the VM", "worker-1", progress.Failed, "500 storage 'local-lvm' is full\nfree some of it\x1b[2J"),
		event(61.5, "boot", "wait for Talos", "worker-1", progress.Skipped, "it needs: create the VM"),
		event(125, "boot", "wait for Talos", "cp-1", progress.Done, "in maintenance at 192.168.1.71"),
	}
}

func folded(events ...progress.Event) *progress.Board {
	var b progress.Board
	for _, e := range events {
		b.Fold(e)
	}
	return &b
}
