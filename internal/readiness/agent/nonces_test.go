package agent

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

var _ = Describe("the memory of nonces", func() {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

	It("knows each for twice the window, wherever a generation ends", func() {
		for offset := time.Duration(0); offset <= 2*nonceLife; offset += 10 * time.Second {
			var n nonces
			Expect(n.take("first", start)).To(Equal(fresh))
			Expect(n.take("it", start.Add(offset))).To(Equal(fresh))
			Expect(n.take("it", start.Add(offset+2*wire.Window))).To(Equal(replayed))
		}
	})

	It("forgets", func() {
		var n nonces
		for i := range 5 {
			Expect(n.take("it", start.Add(time.Duration(i)*3*nonceLife))).To(BeElementOf(fresh, replayed))
			n.take("other", start.Add(time.Duration(i)*3*nonceLife+nonceLife+1))
		}
		Expect(len(n.young) + len(n.old)).To(BeNumerically("<=", 2))
	})

	It("is bounded", func() {
		var n nonces
		for i := range maxNonces {
			Expect(n.take(fmt.Sprint(i), start)).To(Equal(fresh))
		}
		Expect(n.take("one more", start)).To(Equal(full))
		Expect(n.take("one more", start.Add(nonceLife+1))).To(Equal(fresh))
	})

	It("survives a clock that is put back", func() {
		var n nonces
		Expect(n.take("it", start)).To(Equal(fresh))
		Expect(n.take("it", start.Add(-24*time.Hour))).To(Equal(replayed))
	})
})

var _ = Describe("complaints", func() {
	It("come once a minute, with the number of those kept back", func() {
		var s sometimes
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		said := func(at time.Time) int {
			if kept, yes := s.now(at); yes {
				return kept
			}
			return -1
		}
		Expect(said(at)).To(Equal(0))
		Expect(said(at.Add(time.Second))).To(Equal(-1))
		Expect(said(at.Add(59 * time.Second))).To(Equal(-1))
		Expect(said(at.Add(time.Minute))).To(Equal(2))
		Expect(said(at.Add(2 * time.Minute))).To(Equal(0))
	})
})
