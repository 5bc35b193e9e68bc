package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/test/demo/dayzero"
	"github.com/tazzo/rebirth/test/demo/gate"
	"github.com/tazzo/rebirth/test/demo/secrets"
	"github.com/tazzo/rebirth/test/demo/stage"
)

// kinds are those that the acts read and write, beside Kubernetes' own.
var kinds = []func(*runtime.Scheme) error{v1alpha1.AddToScheme, pgo.AddToScheme}

// cast returns the acts in the order in which they are played; with only, the act of
// that program alone. Whatever waits behind the gate is secret-sync.
func cast(s *stage.Stage, only string) []stage.Act {
	all := []stage.Act{
		dayzero.New(s),
		gate.New(s, secrets.Installation(s)),
		secrets.New(s, only == ""),
	}
	if only == "" {
		return all
	}
	for _, act := range all {
		if act.About().Name == only {
			return []stage.Act{act}
		}
	}
	return nil
}

// actNames are what --only takes.
func actNames() []string {
	var names []string
	for _, act := range cast(&stage.Stage{}, "") {
		names = append(names, act.About().Name)
	}
	return names
}

// honesty says what is real and what is played.
func honesty(acts []stage.Act) string {
	var out strings.Builder
	part := func(name, real string, played []string) {
		fmt.Fprintf(&out, "%-15s real:   %s\n", name, real)
		if len(played) > 0 {
			fmt.Fprintf(&out, "%-15s played: %s\n", "", strings.Join(played, "\n"+strings.Repeat(" ", 24)))
		}
	}
	indent := "\n" + strings.Repeat(" ", 24)
	part("Everywhere", "kube-apiserver, etcd, kube-controller-manager; Flux' source-, kustomize- and"+indent+
		"helm-controller, which apply this project's manifests and charts from a Git"+indent+
		"server, as a user would have them; only some times are shorter", nil)
	for _, act := range acts {
		about := act.About()
		part(about.Name, strings.Join(about.Real, indent), about.Played)
	}
	return out.String()
}
