package proof

import "time"

const (
	// bestEffortFor is how long BestEffort waits for a login: a restored database
	// answers 6 to 24 s after PGO calls it initialized.
	bestEffortFor = 2 * time.Minute
	// refusalIsFinalAfter: a restored database knows the old password for half a
	// second. After this time a refusal is no longer that.
	refusalIsFinalAfter = 10 * time.Second
	// repairAgainAfter keeps a repair that did not help from being repeated.
	repairAgainAfter = time.Hour
	// crdMissingRetry: no event tells that PGO's CRD, or a Role, came where there is
	// no cluster yet.
	crdMissingRetry = 5 * time.Second
)

// delay is the time between attempt n (counted from 1), made age after the first,
// and the next one: 1, 2, 4, then 5 s while a rebirth may be under way, later a
// quarter of the age, at most five minutes.
func delay(n int32, age time.Duration) time.Duration {
	if age >= bestEffortFor {
		return min(age/4, 5*time.Minute)
	}
	return min(time.Second<<min(max(n-1, 0), 3), 5*time.Second)
}
