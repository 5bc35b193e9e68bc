package figures

import (
	"fmt"
	"time"
)

// Milliseconds shows a latency.
func Milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// Seconds shows a longer time.
func Seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// MiB shows a number of bytes.
func MiB(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// MB shows the size of a file.
func MB(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// Times shows a ratio.
func Times(ratio float64) string { return fmt.Sprintf("%.2f ×", ratio) }

// Decimal shows a mean of counts.
func Decimal(n float64) string { return fmt.Sprintf("%.2f", n) }
