package talos_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
	faketalos "github.com/tazzo/rebirth/test/talos"
)

const (
	uuid = "8d1e6a3c-0001-4a4e-9a7e-5b7c1f2d3e4f"
	mac  = "BC:24:11:2E:00:71"
)

// dialer looks often, for machines are quick here.
var dialer = talos.Dialer{Interval: 50 * time.Millisecond, Timeout: 2 * time.Second}

// play switches a machine on.
func play(name string, edits ...func(*faketalos.Options)) *faketalos.Machine {
	GinkgoHelper()
	address, err := faketalos.FreeAddress()
	Expect(err).NotTo(HaveOccurred())
	options := faketalos.Options{
		Name: name, Address: address, Dir: GinkgoT().TempDir(), UUID: strings.ToUpper(uuid), MAC: mac,
		Kubeconfig: func() ([]byte, error) { return []byte("kind: Config\n"), nil },
	}
	for _, edit := range edits {
		edit(&options)
	}
	machine, err := faketalos.Start(options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(machine.PowerOff)
	return machine
}

// clusterAt is a cluster whose one control plane is the machine.
func clusterAt(machine *faketalos.Machine) *spec.Cluster {
	return cluster(func(c *spec.Cluster) {
		c.Nodes[0].Address = netip.PrefixFrom(machine.Address(), 8)
		c.Talos.Endpoint = "https://" + machine.Address().String() + ":6443"
	})
}

func silent(string) {}

func observe(machine *faketalos.Machine, s *talos.Secrets) inventory.Machine {
	return dialer.Observe(context.Background(), controlPlane, machine.Address(), s)
}

func stageOf(machine *faketalos.Machine, s *talos.Secrets) func() inventory.Stage {
	return func() inventory.Stage { return observe(machine, s).Stage }
}

// awaitMaintenance returns a connection to the machine in maintenance.
func awaitMaintenance(machine *faketalos.Machine) *talos.Maintenance {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	Expect(dialer.WaitMaintenance(ctx, controlPlane, machine.Address(), silent)).To(Succeed())
	m, err := dialer.Maintenance(context.Background(), controlPlane, machine.Address())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(m.Close)
	return m
}

// configure gives the machine the control plane's configuration, and returns it.
func configure(machine *faketalos.Machine, s *talos.Secrets) (*talos.Node, talos.Config) {
	GinkgoHelper()
	base := generate(clusterAt(machine), s)[controlPlane]
	Expect(awaitMaintenance(machine).Apply(context.Background(), base, uuid, mac)).To(Succeed())
	node := nodeAt(machine, s)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	Expect(node.WaitConfigured(ctx, silent)).To(Succeed())
	return node, base
}

func nodeAt(machine *faketalos.Machine, s *talos.Secrets) *talos.Node {
	GinkgoHelper()
	node, err := dialer.Node(context.Background(), controlPlane, machine.Address(), s)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(node.Close)
	return node
}

// onDisk says whether any file of the machine holds the text.
func onDisk(machine *faketalos.Machine, text string) bool {
	GinkgoHelper()
	found := false
	Expect(filepath.WalkDir(machine.Dir(), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || strings.Contains(string(data), text)
		return err
	})).To(Succeed())
	return found
}

func withKey(base talos.Config, key string) talos.Config {
	GinkgoHelper()
	lent, err := base.WithAuthKey(secret.New([]byte(key)))
	Expect(err).NotTo(HaveOccurred())
	return lent
}

// extension notes the environments that it was started with, and "joins" when there
// is a key among them or it has joined before.
type extension struct {
	mu      sync.Mutex
	started [][]string
	joined  bool
}

// Run implements faketalos.Extension.
func (e *extension) Run(ctx context.Context, container faketalos.Container) error {
	e.mu.Lock()
	e.started = append(e.started, container.Env)
	e.joined = e.joined || strings.Contains(strings.Join(container.Env, " "), "TS_AUTHKEY=")
	joined := e.joined
	e.mu.Unlock()
	if joined {
		container.SetAddresses([]netip.Addr{netip.MustParseAddr("100.64.0.7"), netip.MustParseAddr("fd7a:115c:a1e0::7")})
	}
	<-ctx.Done()
	return nil
}

// starts are how often it was started.
func (e *extension) starts() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.started)
}

func (e *extension) latest() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.started) == 0 {
		return nil
	}
	return e.started[len(e.started)-1]
}
