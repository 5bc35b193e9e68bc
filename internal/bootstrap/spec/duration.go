package spec

import "time"

// Duration is written as a text such as 5m. (metav1.Duration is the same, in a package
// that would be a twentieth of the program.)
type Duration struct{ time.Duration }

// MarshalText writes it as it is read.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what Go calls a duration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(text))
	return err
}
