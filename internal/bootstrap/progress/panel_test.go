package progress_test

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/progress"
)

// seen is what is seen of a text without its colours.
func seen(text string) string {
	var out strings.Builder
	_, err := (&colorprofile.Writer{Forward: &out, Profile: colorprofile.NoTTY}).WriteString(text)
	Expect(err).NotTo(HaveOccurred())
	return out.String()
}

// working is a run whose nodes have been in the making for a minute, and the moment.
func working(nodes int) (*progress.Board, time.Time) {
	events := []progress.Event{event(0, "preflight", "check Proxmox", "", progress.Done, "")}
	for i := range nodes {
		node := fmt.Sprintf("worker-%d", i+1)
		events = append(events,
			event(0, "boot", "wait", node, progress.Waiting, ""),
			event(5, "machines", "create the VM", node, progress.Running, "importing the image into the storage local-lvm of host pve"),
		)
	}
	return folded(events...), began.Add(65 * time.Second)
}

var _ = Describe("The panel of a live run", func() {
	DescribeTable("shows what runs, cut to the terminal's width",
		func(width int, shown string) {
			b, now := working(2)
			Expect("\n" + seen(progress.Panel(b, now, width, 24, 2))).To(Equal(shown))
		},
		Entry("40", 40, `
    1:05  machines 0 of 2 · 2 to come
    1:00  ⠹  worker-1  create the VM: i…
    1:00  ⠹  worker-2  create the VM: i…`),
		Entry("80", 80, `
    1:05  machines 0 of 2 · 2 to come
    1:00  ⠹  worker-1  create the VM: importing the image into the storage loca…
    1:00  ⠹  worker-2  create the VM: importing the image into the storage loca…`),
		Entry("200", 200, `
    1:05  machines 0 of 2 · 2 to come
    1:00  ⠹  worker-1  create the VM: importing the image into the storage local-lvm of host pve
    1:00  ⠹  worker-2  create the VM: importing the image into the storage local-lvm of host pve`),
	)

	It("never overflows, however small the terminal and however many run", func() {
		b, now := working(50)
		for width := 1; width < 120; width += 7 {
			for height := 1; height < 80; height += 3 {
				lines := strings.Split(progress.Panel(b, now, width, height, 0), "\n")
				Expect(len(lines)).To(BeNumerically("<", max(height, 4)), "%d × %d", width, height)
				for _, line := range lines {
					Expect(lipgloss.Width(line)).To(BeNumerically("<=", max(width, 13)), "%d × %d", width, height)
				}
			}
		}
	})

	It("says that something has failed, though that has scrolled away", func() {
		b, now := working(2)
		b.Fold(event(65, "machines", "create the VM", "worker-2", progress.Failed, "full"))
		Expect(seen(progress.Panel(b, now, 80, 24, 0))).To(HavePrefix("    1:05  machines 0 of 2 · 2 to come · 1 failed\n"))
	})

	It("counts those that don't fit", func() {
		b, now := working(50)
		Expect(seen(progress.Panel(b, now, 80, 24, 0))).To(HaveSuffix("worker-13  create the VM: importing the image into the storage loc…\n          … and 37 more"))
	})

	It("turns, so that one sees that it lives", func() {
		b, now := working(1)
		Expect(progress.Panel(b, now, 80, 24, 1)).NotTo(Equal(progress.Panel(b, now, 80, 24, 2)))
	})

	It("is nothing when nothing waits or runs", func() {
		b, now := working(0)
		Expect(progress.Panel(b, now, 80, 24, 0)).To(BeEmpty())
	})
})

var _ = DescribeTable("A line of a live run's timeline is wrapped",
	func(width int, shown string) {
		b, now := working(1)
		row, _ := b.Fold(event(65, "machines", "create the VM", "worker-1", progress.Failed, "500 the storage 'local-lvm' does not exist on host pve: give one that it has"))
		var lines []string
		for _, line := range progress.Styled(b, row, now, width) {
			lines = append(lines, seen(line))
		}
		Expect("\n" + strings.Join(lines, "\n")).To(Equal(shown))
	},
	Entry("at 40, below the phase", 40, `
    1:05  FAILED   machines   worker-1
                   create the VM (1 min
                   00 s): 500 the
                   storage 'local-lvm'
                   does not exist on
                   host pve: give one
                   that it has`),
	Entry("at 80, below the text", 80, `
    1:05  FAILED   machines   worker-1  create the VM (1 min 00 s): 500 the
                                        storage 'local-lvm' does not exist on
                                        host pve: give one that it has`),
	Entry("at 200 not at all", 200, `
    1:05  FAILED   machines   worker-1  create the VM (1 min 00 s): 500 the storage 'local-lvm' does not exist on host pve: give one that it has`),
)

var _ = DescribeTable("How long something took is spelled",
	func(d time.Duration, spelled string) { Expect(progress.Spell(d)).To(Equal(spelled)) },
	Entry("in tenths", 320*time.Millisecond, "0.3 s"),
	Entry("up to a minute", 59_900*time.Millisecond, "59.9 s"),
	Entry("never as 60.0 s", 59_960*time.Millisecond, "1 min 00 s"),
	Entry("in minutes", 200*time.Second, "3 min 20 s"),
	Entry("in hours", time.Hour+2*time.Minute+59*time.Second, "1 h 02 min"),
)
