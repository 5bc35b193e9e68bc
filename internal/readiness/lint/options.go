package lint

import (
	"fmt"
	"io/fs"
	"strings"
)

// UpstreamAnnotation on a Kustomization or HelmRelease, with the value "true",
// says that it is meant to start before the gate opens. On a Kustomization it
// covers what that applies, but not Kustomizations among it.
const UpstreamAnnotation = "rebirth.tazlab.net/upstream-of-gate"

// Options say what is linted.
type Options struct {
	// Path is the folder that Flux itself was told to apply ("flux bootstrap
	// --path"), relative to the repository's root. By default it is the path of
	// the Kustomization that applies its own file.
	Path string
	// Gate is "namespace/name" of the gate's Kustomization. By default it is the
	// one that applies a ReadinessGate or a HelmRelease of chart readiness-gate.
	Gate string
	// Sources are the contents of other sources, by "namespace/name" of the
	// GitRepository, OCIRepository or Bucket.
	Sources map[string]fs.FS
}

func (o Options) gate() (Ref, error) {
	namespace, name, found := strings.Cut(o.Gate, "/")
	if !found || namespace == "" || name == "" || strings.Contains(name, "/") {
		return Ref{}, fmt.Errorf("gate %q: must be namespace/name of a Kustomization, such as flux-system/readiness-gate", o.Gate)
	}
	return KustomizationRef(namespace, name), nil
}
