// Package handover is what Flux is given to take over: manifests that Talos applies
// at its first start, and one Secret that is applied from memory.
//
// The hazard: what Talos is given rests on the disk of every control plane, in the
// STATE partition. So no Secret goes that way; and the one that goes through the
// Kubernetes API is never written over another one's.
package handover
