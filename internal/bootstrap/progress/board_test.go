package progress_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/progress"
)

var _ = Describe("The board", func() {
	const phase, step, node = "machines", "create the VM", "cp-1"
	at := func(seconds float64, state progress.State, detail string) progress.Event {
		return event(seconds, phase, step, node, state, detail)
	}

	DescribeTable("folds a step's events into its row",
		func(events []progress.Event, state progress.State, took time.Duration, detail, cause string, turned bool) {
			var b progress.Board
			var row progress.Row
			var last bool
			for _, e := range events {
				row, last = b.Fold(e)
			}
			Expect(b.Rows).To(HaveLen(1))
			Expect(b.Rows[0]).To(Equal(row))
			Expect(row.State).To(Equal(state))
			Expect(row.Took(began.Add(time.Minute))).To(Equal(took))
			Expect(row.Detail).To(Equal(detail))
			Expect(row.Err).To(Equal(cause))
			Expect(last).To(Equal(turned))
		},
		Entry("announced", []progress.Event{at(0, progress.Waiting, "")}, progress.Waiting, time.Duration(0), "", "", true),
		Entry("announced twice", []progress.Event{at(0, progress.Waiting, ""), at(1, progress.Waiting, "")}, progress.Waiting, time.Duration(0), "", "", false),
		Entry("begun: its time runs", []progress.Event{at(0, progress.Waiting, ""), at(20, progress.Running, "")}, progress.Running, 40*time.Second, "", "", true),
		Entry("going on: the latest detail, and the time since it began",
			[]progress.Event{at(0, progress.Running, "one"), at(20, progress.Running, "two")}, progress.Running, time.Minute, "two", "", false),
		Entry("done: its time stands", []progress.Event{at(0, progress.Running, "one"), at(20, progress.Done, "")}, progress.Done, 20*time.Second, "", "", true),
		Entry("done at once", []progress.Event{at(5, progress.Done, "was there")}, progress.Done, time.Duration(0), "was there", "", true),
		Entry("failed, and why", []progress.Event{at(0, progress.Running, "one"), at(20, progress.Failed, "full")}, progress.Failed, 20*time.Second, "", "full", true),
		Entry("skipped: it took no time", []progress.Event{at(0, progress.Waiting, ""), at(20, progress.Skipped, "why")}, progress.Skipped, time.Duration(0), "why", "", true),
		Entry("reported too late: it stays done",
			[]progress.Event{at(0, progress.Running, ""), at(20, progress.Done, "well"), at(21, progress.Running, "99 %")}, progress.Done, 20*time.Second, "well", "", false),
		Entry("never backwards in time", []progress.Event{at(20, progress.Running, ""), at(10, progress.Done, "")}, progress.Done, time.Duration(0), "", "", true),
		Entry("with a foreign text: one line, which steers no terminal",
			[]progress.Event{at(0, progress.Failed, "first\r\nsecond\n\x1b[2Jthird")}, progress.Failed, time.Duration(0), "", "first; second;  [2Jthird", true),
		Entry("with a foreign text without end", []progress.Event{at(0, progress.Running, strings.Repeat("x", 5000))}, progress.Running, time.Minute, strings.Repeat("x", 2000)+"…", "", true),
	)

	It("gives a step that is announced anew a row of its own", func() {
		b := folded(at(0, progress.Running, ""), at(1, progress.Failed, "full"), at(2, progress.Waiting, ""), at(3, progress.Running, ""))
		Expect(b.Rows).To(HaveLen(2))
		Expect(b.Rows[0].State).To(Equal(progress.Failed))
		Expect(b.Rows[1].State).To(Equal(progress.Running))
	})

	It("has no row for a note", func() {
		Expect(folded(note(0, "mind")).Rows).To(BeEmpty())
	})

	Describe("its phases", func() {
		It("are in the order in which they were announced, with their steps counted", func() {
			phases := folded(story()...).Phases(began.Add(time.Hour))
			names := []string{}
			for _, p := range phases {
				names = append(names, p.Name)
			}
			Expect(names).To(Equal([]string{"preflight", "machines", "boot"}))
			Expect(phases[1].Steps).To(Equal(map[progress.State]int{progress.Done: 1, progress.Failed: 1}))
			Expect(phases[2].Total()).To(Equal(2))
			Expect(phases[2].Began).To(Equal(began.Add(45400 * time.Millisecond)))
		})

		DescribeTable("took as long as anything of them ran",
			func(took time.Duration, spans ...[2]float64) {
				var events []progress.Event
				for i, span := range spans {
					node := string(rune('a' + i))
					events = append(events, event(span[0], phase, step, node, progress.Running, ""), event(span[1], phase, step, node, progress.Done, ""))
				}
				Expect(folded(events...).Phases(began)[0].Took).To(Equal(took))
			},
			Entry("one step", 5*time.Second, [2]float64{1, 6}),
			Entry("one after the other", 7*time.Second, [2]float64{1, 6}, [2]float64{6, 8}),
			Entry("at the same time", 5*time.Second, [2]float64{1, 6}, [2]float64{1, 6}),
			Entry("in part at the same time", 8*time.Second, [2]float64{4, 9}, [2]float64{1, 6}),
			Entry("one within another", 9*time.Second, [2]float64{1, 10}, [2]float64{3, 4}),
			Entry("with a pause that isn't theirs", 4*time.Second, [2]float64{1, 3}, [2]float64{100, 102}),
		)

		It("run until now while a step does", func() {
			Expect(folded(at(10, progress.Running, "")).Phases(began.Add(time.Minute))[0].Took).To(Equal(50 * time.Second))
		})

		It("name the node whose steps took longest together", func() {
			p := folded(
				event(0, phase, "create", "a", progress.Running, ""), event(10, phase, "create", "a", progress.Done, ""),
				event(0, phase, "create", "b", progress.Running, ""), event(7, phase, "create", "b", progress.Done, ""),
				event(7, phase, "start", "b", progress.Running, ""), event(12, phase, "start", "b", progress.Done, ""),
				event(0, phase, "check", "", progress.Running, ""), event(60, phase, "check", "", progress.Done, ""),
			).Phases(began)[0]
			Expect(p.Slowest).To(Equal("b"))
			Expect(p.SlowestTook).To(Equal(12 * time.Second))
		})
	})
})
