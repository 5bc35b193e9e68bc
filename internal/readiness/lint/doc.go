// Package lint reads a Flux repository and says what doesn't wait for the
// network: which Kustomizations and HelmReleases are not behind the
// ReadinessGate, and which health checks prove nothing.
//
// The hazard: a graph that looks gated and isn't. Flux ignores healthChecks
// beside "wait: true", takes a ConfigMap for ready because it exists, and applies
// at once whatever depends on nothing. So the linter builds every Kustomization
// as kustomize-controller would, derives from the result what has to be Ready
// before what can start (Graph), and judges that, not the look of the files.
//
// What Flux does was read from kustomize-controller 1.9, helm-controller 1.6 and
// fluxcd/pkg. Nothing is fetched: remote bases and other sources are left out,
// and said to be.
package lint
