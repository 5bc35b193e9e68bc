package progress

import "time"

// What specs look at from outside, because Ginkgo has names of ours.
var (
	Panel = panel
	Spell = spell
)

// Styled is a row's line in a live timeline.
func Styled(b *Board, r Row, now time.Time, width int) []string {
	return lineOf(b, r, r.State, now).styled(width)
}
