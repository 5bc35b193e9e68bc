package main

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/bench/figures"
)

// The budgets of the design, in bytes.
const (
	secretMemoryBudget int64 = 64 << 20
	importMemoryBudget int64 = 128 << 20
)

// secretMemory measures the process while the namespaces that it may read hold
// Secrets that are none of its business.
func (b *bench) secretMemory(ctx context.Context, w *world) error {
	const namespaces = 10
	b.progress.say("creating %d Secrets of %d KB", b.sizes.secrets, b.sizes.secretSize/1000)
	for i := range namespaces {
		if err := w.createNamespace(ctx, fmt.Sprintf("unrelated-%d", i), nil); err != nil {
			return err
		}
	}
	err := each(ctx, b.sizes.secrets, creators, func(ctx context.Context, i int) error {
		content := make([]byte, b.sizes.secretSize)
		_, _ = rand.Read(content) // never fails (crypto/rand)
		return w.admin.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("unrelated-%d", i%namespaces), Name: fmt.Sprintf("secret-%04d", i)},
			Data:       map[string][]byte{"content": content},
		})
	})
	if err != nil {
		return err
	}
	if err := w.startController(ctx); err != nil {
		return err
	}
	if _, err := w.createFan(ctx, []string{"consumer"}); err != nil {
		return err
	}
	memory, err := w.memory()
	if err != nil {
		return err
	}
	b.addMemory(fmt.Sprintf("memory with %d unrelated Secrets of %d KB", b.sizes.secrets, b.sizes.secretSize/1000), memory, secretMemoryBudget)
	return nil
}

// importMemory measures a process that starts among so many imports, and one
// rotation of all of them.
func (b *bench) importMemory(ctx context.Context, w *world) error {
	more := b.sizes.imports - b.sizes.namespaces
	b.progress.say("creating %d more imports", more)
	err := each(ctx, more, creators, func(ctx context.Context, i int) error {
		return w.createImport(ctx, fmt.Sprintf("fan-%04d", i%b.sizes.namespaces), "fan-source", fmt.Sprintf("mirror-%d", i/b.sizes.namespaces), v1alpha1.RestartModeAuto)
	})
	if err != nil {
		return err
	}
	if err := w.quiet(ctx); err != nil {
		return err
	}
	b.progress.say("starting the controller anew")
	w.stopController()
	if err := w.startController(ctx); err != nil {
		return err
	}
	if err := w.quiet(ctx); err != nil {
		return err
	}
	started, err := w.memory()
	if err != nil {
		return err
	}
	mirrors, err := w.observe(ctx, mirrorSelector)
	if err != nil {
		return err
	}
	if _, err := w.timed(ctx, mirrors, b.sizes.imports, "fan-source", "exported"); err != nil {
		return err
	}
	if err := w.quiet(ctx); err != nil {
		return err
	}
	rotated, err := w.memory()
	if err != nil {
		return err
	}
	b.addMemory(fmt.Sprintf("memory with %d imports, after the start", b.sizes.imports), started, importMemoryBudget)
	b.addMemory(fmt.Sprintf("memory with %d imports, after a rotation of all", b.sizes.imports), rotated, importMemoryBudget)
	return nil
}

func (b *bench) addMemory(what string, memory figures.Memory, budget int64) {
	row := figures.AtMost(what+" (RSS)", memory.Resident, budget, figures.MiB)
	row.Measured += fmt.Sprintf(" (of it anonymous %s; peak %s)", figures.MiB(memory.Anonymous), figures.MiB(memory.Peak))
	b.add(row)
}
