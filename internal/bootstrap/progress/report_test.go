package progress_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/tazzo/rebirth/internal/bootstrap/progress"
)

func tell(p *progress.Progress, events ...progress.Event) {
	for _, e := range events {
		p.Report(e)
	}
}

var _ = Describe("A run without a terminal", func() {
	It("is a line for each step that begins or ends, and a table in the end", func() {
		var out bytes.Buffer
		p := progress.NewPlain(&out, clocktesting.NewFakeClock(began))
		tell(p, story()...)
		Expect(p.WriteSummary()).To(Succeed())
		Expect("\n" + out.String()).To(Equal(`
    0:00  note     VM 9009 (old) is left alone
    0:00  start    preflight  check Proxmox
    0:01  done     preflight  check Proxmox (1.2 s)
    0:01  start    machines   cp-1      create the VM
    0:01  start    machines   worker-1  create the VM
    0:45  done     machines   cp-1      create the VM (44.0 s)
    0:45  start    boot       cp-1      wait for Talos
    1:01  FAILED   machines   worker-1  create the VM (1 min 00 s): 500 storage 'local-lvm' is full; free some of it [2J
    1:01  skipped  boot       worker-1  wait for Talos: it needs: create the VM
    2:05  done     boot       cp-1      wait for Talos (1 min 20 s): in maintenance at 192.168.1.71

 phase      start        took  steps              slowest node
────────────────────────────────────────────────────────────────────────
 preflight   0:00       1.2 s  1 done
 machines    0:01  1 min 00 s  1 done, 1 failed   worker-1 (1 min 00 s)
 boot        0:45  1 min 20 s  1 done, 1 skipped  cp-1 (1 min 20 s)

 FAILED  worker-1: create the VM: 500 storage 'local-lvm' is full; free some of it [2J
 total  2 min 05 s
`))
	})

	It("says of a step that it goes on, every half minute and no more often", func() {
		out := gbytes.NewBuffer()
		clock := clocktesting.NewFakeClock(began)
		p := progress.NewPlain(out, clock)
		DeferCleanup(p.Close)
		tell(p, event(0, "machines", "create the VM", "cp-1", progress.Running, ""), event(1, "machines", "create the VM", "cp-1", progress.Running, "importing, 40 %"))
		Eventually(out).Should(gbytes.Say("start"))
		clock.Step(29 * time.Second)
		clock.Step(time.Second)
		Eventually(out).Should(gbytes.Say(`    0:30  still    machines  cp-1  create the VM \(30.0 s\): importing, 40 %\n`))
		clock.Step(20 * time.Second)
		clock.Step(10 * time.Second)
		Eventually(out).Should(gbytes.Say(`    1:00  still    machines  cp-1  create the VM \(1 min 00 s\): importing, 40 %\n`))
		p.Report(event(61, "machines", "create the VM", "cp-1", progress.Done, ""))
		clock.Step(time.Hour)
		Expect(p.Close()).To(Succeed())
		Expect(strings.Count(string(out.Contents()), "still")).To(Equal(2))
	})

	It("shows everything before it returns when nothing runs, so that a question can be asked", func() {
		var out bytes.Buffer
		p := progress.NewPlain(&out, clocktesting.NewFakeClock(began))
		DeferCleanup(p.Close)
		tell(p, event(0, "preflight", "check Proxmox", "", progress.Running, ""), event(1, "preflight", "check Proxmox", "", progress.Done, ""))
		Expect(out.String()).To(ContainSubstring("done     preflight"))
	})

	It("tells what was reported by many at once, each event once", func() {
		var out bytes.Buffer
		p := progress.NewPlain(&out, clocktesting.NewFakeClock(began))
		var reporting sync.WaitGroup
		for i := range 50 {
			reporting.Go(func() {
				node := fmt.Sprintf("worker-%d", i)
				tell(p, event(0, "boot", "wait", node, progress.Running, ""), event(1, "boot", "wait", node, progress.Done, ""))
			})
		}
		reporting.Wait()
		Expect(p.Close()).To(Succeed())
		Expect(strings.Count(out.String(), "  start  ")).To(Equal(50))
		Expect(strings.Count(out.String(), "  done   ")).To(Equal(50))
	})

	It("is not held up by a reader that reads nothing, and says so in the end", func() {
		reader, writer := io.Pipe()
		clock := clocktesting.NewFakeClock(began)
		p := progress.NewPlain(writer, clock)
		for range 100 {
			p.Report(event(0, "boot", "wait", "cp-1", progress.Running, "nobody reads this"))
		}
		closed := make(chan error)
		go func() { closed <- p.Close() }()
		Eventually(func() error {
			clock.Step(time.Second)
			select {
			case err := <-closed:
				return err
			default:
				return nil
			}
		}).Should(MatchError(ContainSubstring("takes nothing")))
		Expect(reader.Close()).To(Succeed())
	})

	It("keeps the cause when it can't be written", func() {
		p := progress.NewPlain(broken{}, clocktesting.NewFakeClock(began))
		tell(p, story()...)
		Expect(p.Close()).To(MatchError(errBroken))
		Expect(p.WriteSummary()).To(MatchError(errBroken))
	})

	It("drops what comes after the end", func() {
		var out bytes.Buffer
		p := progress.NewPlain(&out, clocktesting.NewFakeClock(began))
		Expect(p.Close()).To(Succeed())
		tell(p, story()...)
		Expect(p.WriteSummary()).To(Succeed())
		Expect(out.String()).To(BeEmpty(), "and has no summary of nothing")
	})
})

var _ = Describe("A run that a program watches", func() {
	It("is one JSON object a line: every event as it was, and the summary", func() {
		var out bytes.Buffer
		p := progress.NewJSON(&out, clocktesting.NewFakeClock(began))
		tell(p, story()...)
		Expect(p.WriteSummary()).To(Succeed())
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		Expect(lines).To(HaveLen(len(story()) + 1))
		for i, e := range story() {
			var got struct {
				Type string
				progress.Event
			}
			Expect(json.Unmarshal([]byte(lines[i]), &got)).To(Succeed())
			Expect(got.Type).To(Equal("event"))
			Expect(got.Event).To(Equal(e))
		}
		Expect(lines[len(lines)-1]).To(MatchJSON(`{
			"type": "summary", "began": "2026-01-02T03:04:05Z", "seconds": 125,
			"phases": [
				{"phase": "preflight", "startSeconds": 0, "seconds": 1.2, "done": 1, "skipped": 0, "failed": 0, "unfinished": 0},
				{"phase": "machines", "startSeconds": 1.4, "seconds": 60, "done": 1, "skipped": 0, "failed": 1, "unfinished": 0,
					"slowestNode": "worker-1", "slowestSeconds": 60},
				{"phase": "boot", "startSeconds": 45.4, "seconds": 79.6, "done": 1, "skipped": 1, "failed": 0, "unfinished": 0,
					"slowestNode": "cp-1", "slowestSeconds": 79.6}
			],
			"failures": [
				{"phase": "machines", "step": "create the VM@worker-1", "node": "worker-1", "title": "create the VM",
					"cause": "500 storage 'local-lvm' is full; free some of it [2J"}
			]
		}`))
	})
})

var _ = Describe("The summary", func() {
	It("counts what was cut short, and what never began", func() {
		var out bytes.Buffer
		p := progress.NewPlain(&out, clocktesting.NewFakeClock(began))
		tell(p,
			event(0, "machines", "create the VM", "cp-1", progress.Waiting, ""), event(0, "boot", "wait", "cp-1", progress.Waiting, ""),
			event(0, "machines", "create the VM", "cp-1", progress.Running, ""), note(4000, "stopped"),
		)
		Expect(p.WriteSummary()).To(Succeed())
		Expect(out.String()).To(ContainSubstring(`
 phase     start        took  steps         slowest node
──────────────────────────────────────────────────────────────
 machines   0:00  1 h 06 min  1 unfinished  cp-1 (1 h 06 min)
 boot          -           -  1 unfinished

 total  1 h 06 min
`))
	})
})

// broken is a disk that is full.
type broken struct{}

var errBroken = errors.New("no space left on device")

func (broken) Write([]byte) (int, error) { return 0, errBroken }
