package main

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The timeline", func() {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(d time.Duration) time.Time { return begin.Add(d) }
	sourceIs := func(password string) *Goal {
		return &Goal{Act: "Rebirth", Name: password + " appeared", After: "now", Reached: func(w World) bool { return w.Source == password }}
	}

	It("writes one line an entry, with the time since its beginning, who and what", func() {
		t := NewTimeline(begin)
		Expect(t.Add(at(2340*time.Millisecond), good, secretSync, "is ready").String()).To(Equal("  2.3 s  ✓ secret-sync       is ready"))
		Expect(t.Add(at(time.Minute), act, nobody, "2  Destruction").String()).To(Equal("\n 60.0 s  2  Destruction"))
	})

	It("measures a stop condition from when it was expected to when it was first true", func() {
		t, goal := NewTimeline(begin), sourceIs("P1")
		t.Expect(at(time.Second), goal)
		t.See(at(2*time.Second), World{Source: "P0"})
		_, reached := goal.Took()
		Expect(reached).To(BeFalse())
		t.See(at(3*time.Second), World{Source: "P1"})
		t.See(at(9*time.Second), World{Source: "P1"})
		took, reached := goal.Took()
		Expect(reached).To(BeTrue())
		Expect(took).To(Equal(2 * time.Second))
	})
})

var _ = DescribeTable("The headline of a message ends before its first detail",
	func(message, want string) { Expect(headline(message)).To(Equal(want)) },
	Entry("a cause", "waiting for SecretExport a/b: not ready", "waiting for SecretExport a/b"),
	Entry("a consequence", "Secret a has no password; the mirror is kept", "Secret a has no password"),
	Entry("a note", "refused (SQLSTATE 28P01): wrong", "refused"),
	Entry("nothing more", "is ready", "is ready"),
)
