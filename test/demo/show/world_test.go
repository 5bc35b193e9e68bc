package show

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// seen is a world for these specs.
type seen struct{ Source string }

// notes is a view that keeps what it is shown.
type notes struct {
	lines []string
	rows  []Row
}

func (n *notes) Line(e Line)                                { n.lines = append(n.lines, e.String()) }
func (n *notes) State(_ string, _ time.Duration, row []Row) { n.rows = row }
func (n *notes) Close()                                     {}

var _ = Describe("A world", func() {
	var (
		now      time.Time
		view     *notes
		recorder *Recorder
		world    *World[seen]
	)
	BeforeEach(func() {
		now, view = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), &notes{}
		recorder = NewRecorder(view, 10*time.Millisecond)
		recorder.now, recorder.timeline.begin = func() time.Time { return now }, now
		world = NewWorld(recorder,
			func(before, after seen) []News {
				return []News{{Good, Demo, before.Source + " becomes " + after.Source}}
			},
			func(w seen) []Row { return []Row{{GoodIf(w.Source != ""), "source", w.Source}} })
	})
	isNow := func(password string) func(*seen) { return func(w *seen) { w.Source = password } }
	appears := func(password string) Goal[seen] {
		return Goal[seen]{Name: password + " appears", Reached: func(w seen) bool { return w.Source == password }}
	}

	It("tells what is new in it, once", func() {
		world.Present()
		world.Update(isNow("P0"))
		world.Update(isNow("P0"))
		Expect(view.lines).To(Equal([]string{"  0.0 s  ✓ demo               becomes P0"}))
		Expect(view.rows).To(Equal([]Row{{Good, "source", "P0"}}))
		Expect(world.Now()).To(Equal(seen{"P0"}))
		_, text := recorder.Outcome()
		Expect(text).To(Equal(view.lines[0] + "\n"))
	})

	It("measures a stop condition from when it is expected to when it is first true", func(ctx context.Context) {
		await := world.Expect("Rebirth", "now", appears("P1"))
		now = now.Add(time.Second)
		world.Update(isNow("P0"))
		goals, _ := recorder.Outcome()
		_, reached := goals[0].Took()
		Expect(reached).To(BeFalse())
		now = now.Add(time.Second)
		world.Update(isNow("P1"))
		now = now.Add(time.Second)
		world.Update(isNow("P2"))
		Expect(await(ctx)).To(Succeed())
		took, reached := goals[0].Took()
		Expect(reached).To(BeTrue())
		Expect(took).To(Equal(2 * time.Second))
	})

	It("has nothing to wait for when it is true already", func(ctx context.Context) {
		world.Update(isNow("P0"))
		Expect(world.Expect("Rebirth", "now", appears("P0"))(ctx)).To(Succeed())
	})

	It("names the stop condition that was not reached in time", func(ctx context.Context) {
		err := world.Expect("Rebirth", "now", appears("P1"))(ctx)
		Expect(err).To(MatchError("Rebirth: not within 10ms (--timeout): P1 appears"))
	})

	It("is played step by step, up to the first that fails", func(ctx context.Context) {
		failed := Step[seen]{Actor: Owner, Text: "fails", Do: func(context.Context) error { return context.DeadlineExceeded }}
		err := world.Take(ctx, Step[seen]{Actor: Owner, Text: "writes P0", Then: isNow("P0")}, failed, Step[seen]{Text: "never"})
		Expect(err).To(MatchError("owner fails: context deadline exceeded"))
		Expect(view.lines).To(HaveExactElements(ContainSubstring("owner             writes P0"), ContainSubstring("becomes P0"), ContainSubstring("owner             fails")))
	})
})
