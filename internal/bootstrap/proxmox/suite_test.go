package proxmox

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	fake "github.com/tazzo/rebirth/test/proxmox"
)

func TestProxmox(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "bootstrap's Proxmox")
}

const (
	tokenID     = "bootstrap@pve!rebirth"
	tokenSecret = "c4n4ry00-1111-2222-3333-444455556666"
	cluster     = "tazlab"
	imageFile   = "talos-0123-v1.13.9.qcow2"
	imageURL    = "https://factory.example/image/0123/v1.13.9/nocloud-amd64.qcow2"
	imageSHA    = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	imageSize   = 2 << 30
)

var image = inventory.Image{Host: "pve1", Storage: "local", File: imageFile}

// world is a fake Proxmox with what bootstrap needs, changed as a spec likes it.
func world(change func(*fake.Options)) *fake.Server {
	GinkgoHelper()
	options := fake.Options{
		Hosts:     []string{"pve1", "pve2"},
		Tokens:    []fake.Token{{ID: tokenID, Secret: tokenSecret, Privileges: fake.LeastPrivileges("local", "local-lvm")}},
		Downloads: map[string]fake.Download{imageURL: {Size: imageSize, SHA256: imageSHA}},
	}
	if change != nil {
		change(&options)
	}
	server, err := fake.Start(options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
	for _, host := range []string{"pve1", "pve2"} {
		server.AddImage(host, "local", imageFile, imageSize)
	}
	return server
}

// clientOf trusts the server by its authority, and waits a hundred times as fast as
// it says.
func clientOf(server *fake.Server) *Client {
	GinkgoHelper()
	return newClient(Options{Endpoint: server.Endpoint(), CA: server.CA()})
}

func newClient(options Options) *Client {
	GinkgoHelper()
	if options.Token.IsEmpty() {
		options.Token = secret.New([]byte(tokenID + "=" + tokenSecret))
	}
	options.Clock = hurriedClock{start: time.Now()}
	client, err := New(options)
	Expect(err).NotTo(HaveOccurred())
	return client
}

// hurriedClock runs a hundred times as fast as the real one.
type hurriedClock struct {
	clock.RealClock
	start time.Time
}

const hurry = 100

func (c hurriedClock) Now() time.Time                  { return c.start.Add(time.Since(c.start) * hurry) }
func (c hurriedClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }
func (c hurriedClock) NewTimer(d time.Duration) clock.Timer {
	return c.RealClock.NewTimer(d / hurry)
}

// reports are what a call tells of its progress. They are watched for secrets.
type reports struct {
	mu    sync.Mutex
	lines []string
}

func (r *reports) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

func (r *reports) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// told is for calls whose progress a spec doesn't look at.
var told = func(line string) {
	if strings.Contains(line, tokenSecret) {
		panic("the token's secret is in a report")
	}
}

// machine is a control plane, to be made on pve1.
func machine() Machine {
	return Machine{
		Node: spec.Node{
			Name: "tazlab-cp-1", Role: spec.ControlPlane, VMID: 9001, MAC: "bc:24:11:00:00:01",
			Address: netip.MustParsePrefix("192.168.1.71/24"),
			NodeDefaults: spec.NodeDefaults{
				Host: "pve1", Cores: 4, Memory: resource.MustParse("8Gi"), Bridge: "vmbr0",
				Disks:       []spec.Disk{{Storage: "local-lvm", Size: resource.MustParse("32Gi")}, {Storage: "local-lvm", Size: resource.MustParse("100Gi")}},
				Gateway:     netip.MustParseAddr("192.168.1.1"),
				Nameservers: []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("9.9.9.9")},
			},
		},
		Marker: inventory.Marker{Cluster: cluster, Node: "tazlab-cp-1", VM: 9001, Run: "r1", Life: inventory.Unfinished},
		Image:  image,
	}
}

// numbered is another machine of the same kind.
func numbered(id int) Machine {
	m := machine()
	m.Node.VMID, m.Marker.VM = id, id
	return m
}

// ownConfig is that of a machine of the cluster.
func ownConfig() map[string]string {
	return map[string]string{
		"name": "tazlab-cp-1", "tags": inventory.Tag(cluster), "description": machine().Marker.String(),
		"net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0", "cores": "4", "memory": "8192",
	}
}

// fails with an error of that kind, whose text says that.
func fails(kind Kind, text string) OmegaMatcher {
	return And(MatchError(kind), MatchError(ContainSubstring(text)))
}

// shown is a machine that is there.
func shown(server *fake.Server, id int) fake.VM {
	GinkgoHelper()
	vm, found := server.VM(id)
	Expect(found).To(BeTrue(), "VM %d", id)
	return vm
}
