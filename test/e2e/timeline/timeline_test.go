package timeline_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/e2e/timeline"
)

var start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

var _ = Describe("A timeline", func() {
	line := timeline.New(start, []timeline.Mark{
		{Group: "consumer", Name: "grafana ready", From: after(60), At: after(90), Stop: true},
		{Group: "network", Name: "gate <network> open", From: after(20), At: after(40), Stop: true},
		{Group: "Flux", Name: "Kustomization pgo", At: after(55)},
		{Group: "database", Name: "never restored"},
		{Group: "consumer", Name: "and counted", At: after(90)},
	})

	It("tells what happened in its order, and each stop condition apart", func() {
		var out bytes.Buffer
		Expect(line.WriteTable(&out)).To(Succeed())
		Expect(out.String()).To(Equal(`    40s    network: gate <network> open
    55s    Flux: Kustomization pgo
  1m30s    consumer: grafana ready
  1m30s    consumer: and counted

Stop conditions
      40s  gate <network> open
    1m30s  grafana ready
`))
		Expect(line.End()).To(Equal(90 * time.Second))
	})

	It("draws a chart that is well-formed whatever the names are", func() {
		var out bytes.Buffer
		Expect(line.WriteSVG(&out, "A & B")).To(Succeed())
		decoder := xml.NewDecoder(bytes.NewReader(out.Bytes()))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(out.String()).To(And(ContainSubstring("A &amp; B"), ContainSubstring("gate &lt;network&gt; open"), ContainSubstring("1m30s")))
	})

	It("draws nothing but its frame when nothing happened", func() {
		Expect(timeline.New(start, nil).WriteSVG(io.Discard, "")).To(Succeed())
		Expect(timeline.New(start, nil).End()).To(BeZero())
	})
})
