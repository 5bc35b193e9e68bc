package agent_test

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/tazzo/rebirth/internal/readiness/agent"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

var _ = Describe("a canary", func() {
	It("leaves when and where it started, small enough for a termination message", func() {
		path := filepath.Join(GinkgoT().TempDir(), "termination-log")
		Expect(agent.Canary(path, clocktesting.NewFakePassiveClock(now))).To(Succeed())
		message, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(len(message)).To(BeNumerically("<", 4096))
		Expect(wire.DecodeCanary(message)).To(Equal(wire.Canary{StartedAt: now, BootID: agent.BootID()}))
	})

	It("says why it left nothing", func() {
		err := agent.Canary(filepath.Join(GinkgoT().TempDir(), "no", "such"), clocktesting.NewFakePassiveClock(now))
		Expect(err).To(MatchError(ContainSubstring("leaving the termination message")))
	})
})
