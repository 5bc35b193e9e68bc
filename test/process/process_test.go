package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/process"
)

func TestProcess(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Process")
}

var _ = Describe("A child process", func() {
	var log string
	BeforeEach(func() { log = filepath.Join(GinkgoT().TempDir(), "log") })

	It("is quoted when it ends before it is ready", func(ctx SpecContext) {
		child, err := process.Start(process.Command{Path: "/bin/sh", Args: []string{"-c", "echo no such flag; exit 3"}, Log: log})
		Expect(err).NotTo(HaveOccurred())
		err = child.Await(ctx, func(context.Context) error { return errors.New("not yet") })
		Expect(err).To(MatchError(And(ContainSubstring("exit status 3"), ContainSubstring("no such flag"))))
	}, SpecTimeout(time.Minute))

	It("is killed when it doesn't stop in time", func(SpecContext) {
		child, err := process.Start(process.Command{Path: "/bin/sh", Args: []string{"-c", "trap '' TERM; while :; do sleep 600; done"}, Log: log})
		Expect(err).NotTo(HaveOccurred())
		Expect(child.Stop(syscall.SIGTERM, 50*time.Millisecond)).To(Succeed())
		Expect(child.Stop(syscall.SIGTERM, 50*time.Millisecond)).To(Succeed(), "what has ended")
	})

	It("inherits no variable when it is isolated", func(ctx SpecContext) {
		GinkgoT().Setenv("REBIRTH_TEST_SECRET", "canary")
		child, err := process.Start(process.Command{
			Path: "/bin/sh", Args: []string{"-c", "echo ${REBIRTH_TEST_SECRET-unset} $OTHER"}, Log: log, Env: []string{"OTHER=set"}, Isolated: true})
		Expect(err).NotTo(HaveOccurred())
		Expect(child.Await(ctx, func(context.Context) error { return errors.New("not yet") })).To(MatchError(HaveSuffix("unset set")))
	}, SpecTimeout(time.Minute))

	It("names a program that isn't there", func(SpecContext) {
		_, err := process.Start(process.Command{Path: "/no/such/program", Log: log})
		Expect(err).To(MatchError(ContainSubstring("/no/such/program")))
	})
})

var _ = Describe("A lock", func() {
	It("is held by one at a time, and a wait for it ends with its context", func(ctx SpecContext) {
		path := filepath.Join(GinkgoT().TempDir(), "lock")
		unlock, err := process.Lock(ctx, path, func() { Fail("nobody holds it") })
		Expect(err).NotTo(HaveOccurred())

		waited := false
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, err = process.Lock(short, path, func() { waited = true })
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(waited).To(BeTrue())

		unlock()
		again, err := process.Lock(ctx, path, func() {})
		Expect(err).NotTo(HaveOccurred())
		again()
	}, SpecTimeout(time.Minute))
})

var _ = Describe("A port", func() {
	DescribeTable("is free until somebody listens on it", func(listen func(address string) (io.Closer, error)) {
		port, err := process.FreePort()
		Expect(err).NotTo(HaveOccurred())
		Expect(process.Taken(port)).To(BeFalse())
		listener, err := listen(fmt.Sprintf("127.0.0.1:%d", port))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(listener.Close)
		Expect(process.Taken(port)).To(BeTrue())
	},
		Entry("over TCP", func(address string) (io.Closer, error) { return net.Listen("tcp4", address) }),
		Entry("over UDP", func(address string) (io.Closer, error) { return net.ListenPacket("udp4", address) }),
	)
})
