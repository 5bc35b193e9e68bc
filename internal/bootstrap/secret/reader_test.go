package secret_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

func holdWhat(text string) types.GomegaMatcher {
	return WithTransform(func(v secret.Value) string { return string(v.Bytes()) }, Equal(text))
}

var _ = Describe("A secret from standard input", func() {
	stdin := spec.Source{Stdin: true}

	It("is read to its end", func(ctx SpecContext) {
		Expect(secret.NewReader(strings.NewReader(canary+"\n"), nil).Read(ctx, "talos.secrets", stdin)).To(holdWhat(canary))
	})

	It("is read once, and the second who asks is told who had it", func(ctx SpecContext) {
		r := secret.NewReader(strings.NewReader(canary), nil)
		Expect(r.Read(ctx, "proxmox.token", stdin)).To(holdWhat(canary))
		_, err := r.Read(ctx, "talos.secrets", stdin)
		Expect(err).To(MatchError("talos.secrets: standard input was already read for proxmox.token: only one secret can come from it"))
	})

	It("is not empty", func(ctx SpecContext) {
		_, err := secret.NewReader(strings.NewReader("\n"), nil).Read(ctx, "proxmox.token", stdin)
		Expect(err).To(MatchError("proxmox.token: standard input gave an empty secret"))
	})

	It("is not waited for longer than the deadline", func(ctx SpecContext) {
		never, _ := io.Pipe()
		waiting, cancel := context.WithCancelCause(ctx)
		cause := errors.New("preflight ended")
		go cancel(cause)
		_, err := secret.NewReader(never, nil).Read(waiting, "proxmox.token", stdin)
		Expect(err).To(MatchError(cause))
		Expect(err).To(MatchError(HavePrefix("proxmox.token: standard input")))
	})

	It("keeps the cause of a failed read", func(ctx SpecContext) {
		broken, other := io.Pipe()
		_ = other.CloseWithError(os.ErrDeadlineExceeded)
		_, err := secret.NewReader(broken, nil).Read(ctx, "proxmox.token", stdin)
		Expect(err).To(MatchError(os.ErrDeadlineExceeded))
	})
})

var _ = Describe("A secret from the environment", func() {
	const name = "REBIRTH_SPEC_TOKEN"
	source := spec.Source{Env: name}

	It("is taken out of it", func(ctx SpecContext) {
		GinkgoT().Setenv(name, canary)
		Expect(secret.NewReader(nil, nil).Read(ctx, "proxmox.token", source)).To(holdWhat(canary))
		_, found := os.LookupEnv(name)
		Expect(found).To(BeFalse())
	})

	It("can be two fields' secret, each with a copy of its own", func(ctx SpecContext) {
		GinkgoT().Setenv(name, canary)
		r := secret.NewReader(nil, nil)
		first, err := r.Read(ctx, "proxmox.token", source)
		Expect(err).NotTo(HaveOccurred())
		first.Destroy()
		Expect(r.Read(ctx, "tailnet.tailscale.apiToken", source)).To(holdWhat(canary))
	})

	It("has to be there", func(ctx SpecContext) {
		_, err := secret.NewReader(nil, nil).Read(ctx, "proxmox.token", source)
		Expect(err).To(MatchError("proxmox.token: the environment variable REBIRTH_SPEC_TOKEN is not set"))
	})

	It("is not empty", func(ctx SpecContext) {
		GinkgoT().Setenv(name, "")
		_, err := secret.NewReader(nil, nil).Read(ctx, "proxmox.token", source)
		Expect(err).To(MatchError("proxmox.token: the environment variable REBIRTH_SPEC_TOKEN gave an empty secret"))
	})
})

var _ = Describe("A secret from nowhere", func() {
	It("is an error that names the field and the sources that there are", func(ctx SpecContext) {
		_, err := secret.NewReader(nil, nil).Read(ctx, "proxmox.token", spec.Source{})
		Expect(err).To(MatchError("proxmox.token: there is no source: give one of stdin, env, command and file"))
	})

	It("is not read after the deadline, from any source", func(ctx SpecContext) {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		for _, source := range []spec.Source{{Stdin: true}, {Env: "HOME"}, {Command: []string{"true"}}, {File: "/dev/shm/a"}} {
			_, err := secret.NewReader(strings.NewReader(canary), nil).Read(ended, "proxmox.token", source)
			Expect(err).To(MatchError(context.Canceled))
			Expect(err).To(MatchError(HavePrefix("proxmox.token: ")))
		}
		Expect(os.Getenv("HOME")).NotTo(BeEmpty())
	})
})
