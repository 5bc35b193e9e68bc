package agent_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/tazzo/rebirth/internal/readiness/agent"
	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

func TestAgent(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "agents")
}

var (
	newSecret = strings.Repeat("n", 32)
	oldSecret = strings.Repeat("o", 32)
	now       = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// running is an agent that serves on loopback.
type running struct {
	client.Target
	// dir holds its key files, key and previous.
	dir   string
	clock *clocktesting.FakePassiveClock
	// stop has it shut down; ended is what Serve returned.
	stop  context.CancelFunc
	ended chan error
}

// start starts an agent on the node, with the keys.
func start(node string, secrets ...string) *running {
	GinkgoHelper()
	a := &running{dir: GinkgoT().TempDir(), clock: clocktesting.NewFakePassiveClock(now), ended: make(chan error, 1)}
	a.write(secrets...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	a.Target = client.Target{Address: netip.MustParseAddrPort(listener.Addr().String()), Node: node}
	ctx, cancel := context.WithCancel(context.Background())
	a.stop = cancel
	go func() {
		a.ended <- agent.Serve(ctx, listener, agent.Options{
			Node: node, PodUID: "uid-of-" + node, BootID: "boot-of-" + node,
			Keys:  agent.KeyFiles(filepath.Join(a.dir, "key"), filepath.Join(a.dir, "previous")),
			Clock: a.clock, Log: slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
		})
	}()
	DeferCleanup(cancel)
	return a
}

// write puts the keys where a mounted Secret would.
func (a *running) write(secrets ...string) {
	GinkgoHelper()
	for i, name := range []string{"key", "previous"} {
		path := filepath.Join(a.dir, name)
		if i >= len(secrets) {
			Expect(os.RemoveAll(path)).To(Succeed())
			continue
		}
		Expect(os.WriteFile(path+".new", []byte(secrets[i]), 0o600)).To(Succeed())
		Expect(os.Rename(path+".new", path)).To(Succeed())
	}
}

func keys(secrets ...string) func() (wire.Keys, error) {
	return func() (wire.Keys, error) {
		var all [][]byte
		for _, secret := range secrets {
			all = append(all, []byte(secret))
		}
		return wire.ParseKeys(all...)
	}
}

// asker is a client with the keys whose clock says now.
func asker(secrets ...string) *client.Client {
	return client.New(keys(secrets...), clocktesting.NewFakePassiveClock(now))
}

func request(probes ...wire.Probe) wire.Request {
	return wire.Request{Timeout: 10 * time.Second, Probes: probes}
}

// echoOf asks an agent to have the peer return that many bytes.
func echoOf(peer client.Target, payload int) wire.Probe {
	return wire.Probe{ID: "peer/" + peer.Node, Kind: wire.KindEcho, Timeout: 2 * time.Second,
		Echo: &wire.Echo{Address: peer.Address, Node: peer.Node, Payload: payload}}
}

func failsWith(class client.Class, message string) OmegaMatcher {
	return And(
		BeAssignableToTypeOf(&client.Error{}),
		HaveField("Class", class),
		HaveField("Message", ContainSubstring(message)),
	)
}
