package importer

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/internal/secretsync/mirror"
)

// secondPass is when an import whose mirror was written is looked at again: as
// soon as those that wait for their mirrors have had their turn.
const secondPass = time.Millisecond

// unreported keeps what a first pass wrote for the second one, which looks at
// processes and writes the status. So a change reaches every namespace before the
// slower half of the work begins anywhere. What is lost here in a crash is found
// again by reading the mirror.
type unreported struct {
	mu     sync.Mutex
	passes map[types.NamespacedName]firstPass
}

type firstPass struct {
	facts mirror.Facts
	plan  mirror.Plan
	done  applied
}

// keep takes a pass, less all Secrets.
func (u *unreported) keep(key types.NamespacedName, pass firstPass) {
	pass.facts.Source, pass.facts.Target, pass.facts.External, pass.plan.Mirror = nil, nil, nil, nil
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.passes == nil {
		u.passes = map[types.NamespacedName]firstPass{}
	}
	u.passes[key] = pass
}

// take returns the pass and forgets it. It is worth nothing if the import is
// another version by now.
func (u *unreported) take(key types.NamespacedName, version string) (pass firstPass, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	pass, ok = u.passes[key]
	delete(u.passes, key)
	return pass, ok && pass.facts.Import.ResourceVersion == version
}
