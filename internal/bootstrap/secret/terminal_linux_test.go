package secret_test

import (
	"bytes"
	"context"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"golang.org/x/sys/unix"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/test/pty"
)

func terminal() (person, program *os.File) {
	GinkgoHelper()
	person, program, err := pty.Open()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(person.Close)
	DeferCleanup(program.Close)
	return person, program
}

func echoes(program *os.File) bool {
	GinkgoHelper()
	modes, err := pty.Modes(program)
	Expect(err).NotTo(HaveOccurred())
	return modes.Lflag&unix.ECHO != 0
}

var _ = Describe("A secret from a terminal", func() {
	type answer struct {
		value secret.Value
		err   error
	}
	asked := func(ctx context.Context, program *os.File, prompt *gbytes.Buffer) chan answer {
		answers := make(chan answer)
		go func() {
			v, err := secret.NewReader(program, prompt).Read(ctx, "proxmox.token", spec.Source{Stdin: true})
			answers <- answer{v, err}
		}()
		Eventually(prompt).Should(gbytes.Say(`proxmox.token \(not shown\): `))
		Eventually(echoes).WithArguments(program).Should(BeFalse())
		return answers
	}

	It("is asked for and not shown", func(ctx SpecContext) {
		person, program := terminal()
		prompt := gbytes.NewBuffer()
		answers := asked(ctx, program, prompt)
		_, err := person.WriteString(canary + "\n")
		Expect(err).NotTo(HaveOccurred())
		var got answer
		Eventually(answers).Should(Receive(&got))
		Expect(got.value, got.err).To(holdWhat(canary))
		Expect(echoes(program)).To(BeTrue())
		_, err = program.WriteString("end\n")
		Expect(err).NotTo(HaveOccurred())
		var shown bytes.Buffer
		for !bytes.Contains(shown.Bytes(), []byte("end")) {
			read := make([]byte, 100)
			n, err := person.Read(read)
			Expect(err).NotTo(HaveOccurred())
			shown.Write(read[:n])
		}
		expectNoSecret(shown.String())
	})

	It("leaves the terminal as it was when nobody answers in time", func(ctx SpecContext) {
		_, program := terminal()
		waiting, cancel := context.WithCancel(ctx)
		answers := asked(waiting, program, gbytes.NewBuffer())
		cancel()
		var got answer
		Eventually(answers).Should(Receive(&got))
		Expect(got.err).To(MatchError(context.Canceled))
		Expect(echoes(program)).To(BeTrue())
	})
})
