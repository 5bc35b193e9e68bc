package dayzero

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
	"github.com/tazzo/rebirth/test/flux"
)

type step = show.Step[World]

// Scenes implements stage.Act.
func (a *Act) Scenes() []stage.Scene {
	return []stage.Scene{
		{Title: "Day zero: two dead machines, and a cluster.yaml", Play: a.rebirth},
		{Title: "Handed over: nothing is left to do, and Flux goes on", Play: a.handedOver},
	}
}

// rebirth is the owner's one command, and what it leaves.
func (a *Act) rebirth(ctx context.Context) (err error) {
	if err := a.look(ctx); err != nil {
		return err
	}
	a.world.Present()
	end := a.watch(ctx)
	defer func() { err = errors.Join(err, end()) }()
	reborn := a.world.Expect("Day zero", "bootstrap rebirth begins", rebirthGoals()...)
	if err := a.world.Take(ctx,
		step{Actor: show.Owner, Text: "runs bootstrap rebirth --yes --kubeconfig " + a.kubeconfig(),
			Do: func(ctx context.Context) error {
				return a.run(ctx, "rebirth", "--yes", "--kubeconfig", a.kubeconfig())
			}, Then: func(w *World) { w.Done, w.Present = true, "is done" }},
		step{Actor: show.Owner, Text: "opens the cluster with that kubeconfig, and finds Secret flux-system/flux-system",
			Do: a.open, Then: func(w *World) { w.Opened = true }},
	); err != nil {
		return err
	}
	if err := reborn(ctx); err != nil {
		return err
	}
	hidden, err := a.secretsAreHidden("")
	mark := show.Bad
	if hidden.OK {
		mark = show.Good
	}
	a.world.Note(mark, show.Demo, "%s", hidden.Text)
	return err
}

// open proves that the kubeconfig which bootstrap has delivered is one.
func (a *Act) open(ctx context.Context) error {
	content, err := os.ReadFile(a.kubeconfig())
	if err != nil {
		return err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(content)
	if err != nil {
		return err
	}
	cluster, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	return cluster.Get(ctx, client.ObjectKey{Namespace: flux.Namespace, Name: stage.RepositoryName}, &corev1.Secret{})
}

// handedOver shows that the cluster is complete, and that Flux can go on by itself.
func (a *Act) handedOver(ctx context.Context) error {
	before, lent := a.machines(), len(a.centre.AuthKeys())
	idle := a.world.Expect("A second run", "bootstrap create begins", secondRunGoals()...)
	if err := a.world.Take(ctx, step{Actor: show.Owner, Text: "runs bootstrap create --discard-credentials",
		Do: func(ctx context.Context) error { return a.run(ctx, "create", "--discard-credentials") },
		Then: func(w *World) {
			w.Present = "is done"
			w.Idle = slices.Equal(a.machines(), before) && len(a.centre.AuthKeys()) == lent
		},
	}); err != nil {
		return err
	}
	if err := idle(ctx); err != nil {
		return err
	}
	pulled := a.world.Expect("Flux goes on", "the owner pushes", fluxGoals()...)
	a.stage.AddFile("README.md", fmt.Appendf(nil, "What Flux applies to cluster %s.\n", clusterName))
	if err := a.world.Take(ctx, step{Actor: show.Owner, Text: "pushes to the private Git repository",
		Do: a.stage.Push, Then: func(w *World) { w.Pulled = true }}); err != nil {
		return err
	}
	a.world.Note(show.Good, show.Flux, "has pulled the private repository, with the credential that bootstrap handed over")
	return pulled(ctx)
}

// machines are their UUIDs: each is made with a new one.
func (a *Act) machines() []string {
	var uuids []string
	for _, vm := range a.centre.Proxmox.VMs() {
		uuids = append(uuids, vm.UUID)
	}
	return uuids
}
