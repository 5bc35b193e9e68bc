package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// Kind is what a step does.
type Kind string

// The kinds of steps.
const (
	CheckProxmox     Kind = "CheckProxmox"
	CheckTailnet     Kind = "CheckTailnet"
	RevokeKey        Kind = "RevokeKey"
	DestroyVM        Kind = "DestroyVM"
	RemoveDevice     Kind = "RemoveDevice"
	ClearDevices     Kind = "ClearDevices"
	DownloadImage    Kind = "DownloadImage"
	CreateVM         Kind = "CreateVM"
	StartVM          Kind = "StartVM"
	AwaitMaintenance Kind = "AwaitMaintenance"
	Configure        Kind = "Configure"
	AwaitConfigured  Kind = "AwaitConfigured"
	StartEtcd        Kind = "StartEtcd"
	AwaitHealth      Kind = "AwaitHealth"
	MintKey          Kind = "MintKey"
	Join             Kind = "Join"
	DropKey          Kind = "DropKey"
	ApplySecret      Kind = "ApplySecret"
	Finish           Kind = "Finish"
)

// Phase is what a person calls a group of steps.
type Phase string

// The phases, in their usual order.
const (
	PhasePreflight   Phase = "preflight"
	PhaseClean       Phase = "clean up"
	PhaseDestroy     Phase = "destroy"
	PhaseImage       Phase = "image"
	PhaseMachine     Phase = "machines"
	PhaseMaintenance Phase = "boot"
	PhaseConfigure   Phase = "configure"
	PhaseEtcd        Phase = "etcd"
	PhaseHealth      Phase = "health"
	PhaseJoin        Phase = "tailnet"
	PhaseHandOver    Phase = "hand-over"
	PhaseFinish      Phase = "finish"
)

// Phases in their usual order.
func Phases() []Phase {
	return []Phase{
		PhasePreflight, PhaseDestroy, PhaseClean, PhaseImage, PhaseMachine, PhaseMaintenance, PhaseConfigure,
		PhaseEtcd, PhaseHealth, PhaseJoin, PhaseHandOver, PhaseFinish,
	}
}

// Step is one thing that is done.
type Step struct {
	// ID is unique in its plan, such as "create tazlab-worker-1".
	ID    string `json:"id"`
	Kind  Kind   `json:"kind"`
	Phase Phase  `json:"phase"`
	// Node of cluster.yaml that the step is about; empty for none.
	Node string `json:"node,omitempty"`
	// Title says what is done, Reason why.
	Title  string `json:"title"`
	Reason string `json:"reason"`
	// Needs are the steps that must have been done before, by ID.
	Needs []string `json:"needs,omitempty"`
	// Asks is true where the step may destroy what somebody misses: nobody takes it who
	// has not been told to.
	Asks bool `json:"asks,omitempty"`
	// Deadline is how long the step may take.
	Deadline time.Duration `json:"-"`

	// What the step is done to, as it was seen.

	VM     *inventory.VM     `json:"-"`
	Image  *inventory.Image  `json:"-"`
	Device *inventory.Device `json:"-"`
	// Stale judges the devices of the tailnet as they are when the step is done: those
	// that have to go, or why nothing may.
	Stale func([]inventory.Device) ([]inventory.Device, error) `json:"-"`
	// KeyID is that of an auth key which a dead run has left; empty is this run's own.
	KeyID string `json:"-"`
	// Marker that the machine gets.
	Marker inventory.Marker `json:"-"`
}

// Refusal is why nothing is done.
type Refusal struct {
	// Object that stands in the way, such as "VM 9001".
	Object string `json:"object"`
	// Reason, and the way out.
	Reason string `json:"reason"`
}

// String is one line.
func (r Refusal) String() string { return r.Object + ": " + r.Reason }

// Plan is what will be done, or why it can't be.
type Plan struct {
	Steps    []Step    `json:"steps"`
	Refusals []Refusal `json:"refusals,omitempty"`
	// Notes are what a person should know, and what nothing is done about.
	Notes []string `json:"notes,omitempty"`
}

// Empty plans change nothing.
func (p Plan) Empty() bool { return len(p.Steps) == 0 && len(p.Refusals) == 0 }

// Has says whether one of the steps is of that kind.
func (p Plan) Has(kind Kind) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Kind == kind })
}

// Doomed is the part of the plan that somebody has to agree to: all machines that it
// destroys, if there is one among them that may hold something.
func (p Plan) Doomed() Plan {
	if !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Asks }) {
		return Plan{}
	}
	return Plan{Steps: slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Kind != DestroyVM })}
}

// Machines that the plan destroys, for people.
func (p Plan) Machines() []string {
	var machines []string
	for _, step := range p.Steps {
		if step.Kind == DestroyVM {
			machines = append(machines, fmt.Sprintf("VM %d (%s: %s)", step.VM.ID, step.Node, step.Reason))
		}
	}
	return machines
}

func (p *Plan) add(step Step) { p.Steps = append(p.Steps, step) }

func (p *Plan) refuse(object, reason string) {
	p.Refusals = append(p.Refusals, Refusal{Object: object, Reason: reason})
}

// ids of the steps of the given kinds, in the plan's order.
func (p *Plan) ids(kinds ...Kind) []string {
	var ids []string
	for _, step := range p.Steps {
		for _, kind := range kinds {
			if step.Kind == kind {
				ids = append(ids, step.ID)
			}
		}
	}
	return ids
}
