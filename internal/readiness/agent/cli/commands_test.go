package cli_test

import (
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/readiness/agent"
	"github.com/tazzo/rebirth/internal/readiness/agent/cli"
	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

func TestCommands(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "the pods' commands")
}

var _ = Describe("agent", func() {
	It("serves until it is told to stop", func(ctx context.Context) {
		key := filepath.Join(GinkgoT().TempDir(), "key")
		Expect(os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600)).To(Succeed())
		running, stop := context.WithCancel(ctx)
		defer stop()
		logs, written := io.Pipe()
		cmd := cli.AgentCommand()
		cmd.SetErr(written)
		cmd.SetArgs([]string{"--address", "127.0.0.1:0", "--node", "worker-1", "--pod-uid", "uid", "--key-file", key, "--key-file", key + ".previous"})
		ended := make(chan error, 1)
		go func() { ended <- cmd.ExecuteContext(running) }()
		var line struct{ Address, Node string }
		Expect(json.NewDecoder(logs).Decode(&line)).To(Succeed())
		go func() { _, _ = io.Copy(io.Discard, logs) }()

		asker := client.New(agent.KeyFiles(key), clock.RealClock{})
		response, err := asker.Ask(ctx, client.Target{Address: netip.MustParseAddrPort(line.Address), Node: "worker-1"}, wire.Request{Timeout: time.Second})
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Agent).To(And(HaveField("Node", "worker-1"), HaveField("PodUID", "uid"), HaveField("BootID", agent.BootID())))
		stop()
		Eventually(ended).WithTimeout(5 * time.Second).Should(Receive(BeNil()))
	})

	DescribeTable("names what it lacks", func(ctx context.Context, message string, args ...string) {
		cmd := cli.AgentCommand()
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		cmd.SetArgs(args)
		Expect(cmd.ExecuteContext(ctx)).To(MatchError(ContainSubstring(message)))
	},
		Entry("its flags", `required flag(s) "key-file", "node" not set`),
		Entry("a key", "the key can't be read", "--node", "a", "--key-file", "/nowhere", "--address", "127.0.0.1:0"),
		Entry("an address", "--address nowhere", "--node", "a", "--key-file", "/nowhere", "--address", "nowhere"),
	)
})

var _ = Describe("canary", func() {
	It("ends well at once: that it ran is the proof", func(ctx context.Context) {
		cmd := cli.CanaryCommand()
		cmd.SetArgs(nil)
		Expect(cmd.ExecuteContext(ctx)).To(Succeed())
	})
})
