package dayzero_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/dayzero"
	"github.com/tazzo/rebirth/test/talos"
)

func TestDayZero(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "bootstrap, against a data centre on loopback")
}

var program *dayzero.Program

// Several processes may run these specs at the same time: one builds the program, and
// removes it when all are done.
var (
	programDir string
	_          = SynchronizedBeforeSuite(func(ctx SpecContext) []byte {
		var err error
		programDir, err = os.MkdirTemp("", "rebirth-dayzero-")
		Expect(err).NotTo(HaveOccurred())
		path, err := controlplane.BuildCommand(ctx, "bootstrap", programDir)
		Expect(err).NotTo(HaveOccurred())
		return []byte(path)
	}, func(path []byte) { program = dayzero.Built(string(path)) }, NodeTimeout(10*time.Minute))
	_ = SynchronizedAfterSuite(func() {}, func() { Expect(os.RemoveAll(programDir)).To(Succeed()) })
)

// times are long enough for a phase to be seen.
var times = talos.Times{
	Boot: 200 * time.Millisecond, HandOver: 200 * time.Millisecond, Services: 100 * time.Millisecond,
	Etcd: 200 * time.Millisecond, StaticPods: 200 * time.Millisecond,
}

// world starts a data centre that ends with the spec.
func world(ctx context.Context, options dayzero.Options) *dayzero.World {
	options.Dir = GinkgoT().TempDir()
	if options.Times == (talos.Times{}) {
		options.Times = times
	}
	w, err := dayzero.Start(ctx, options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(w.Stop)
	return w
}

// must runs a command that succeeds.
func must(ctx context.Context, w *dayzero.World, args ...string) dayzero.Result {
	GinkgoHelper()
	result, err := w.Run(ctx, program, args...)
	Expect(err).NotTo(HaveOccurred())
	Expect(result.ExitCode).To(BeZero(), "bootstrap %s\n%s", strings.Join(args, " "), result.Stderr)
	return result
}

// mustFail runs a command that fails, and returns what it said.
func mustFail(ctx context.Context, w *dayzero.World, args ...string) string {
	GinkgoHelper()
	result, err := w.Run(ctx, program, args...)
	Expect(err).NotTo(HaveOccurred())
	Expect(result.ExitCode).To(Equal(1), "bootstrap %s\n%s", strings.Join(args, " "), result.Stderr)
	return result.Stderr
}

// lives are the machines' lives by their markers, in the order of their numbers.
func lives(w *dayzero.World) []string {
	found := []string{}
	for _, vm := range w.Proxmox.VMs() {
		_, life, _ := strings.Cut(vm.Config["description"], " life=")
		found = append(found, strings.Fields(life + " none")[0])
	}
	return found
}

// uuids tell one life of a machine from the next.
func uuids(w *dayzero.World) []string {
	found := []string{}
	for _, vm := range w.Proxmox.VMs() {
		found = append(found, vm.UUID)
	}
	return found
}

// hostnames of the tailnet.
func hostnames(ctx context.Context, w *dayzero.World) []string {
	GinkgoHelper()
	devices, err := w.Headscale.Devices(ctx)
	Expect(err).NotTo(HaveOccurred())
	names := []string{}
	for _, device := range devices {
		names = append(names, device.Hostname)
	}
	return names
}

// workingKeys of the tailnet, by id.
func workingKeys(ctx context.Context, w *dayzero.World) []uint64 {
	GinkgoHelper()
	keys, err := w.Headscale.Keys(ctx)
	Expect(err).NotTo(HaveOccurred())
	working := []uint64{}
	for _, key := range keys {
		if key.Works() {
			working = append(working, key.ID)
		}
	}
	return working
}

// inRAM is a folder on tmpfs, where credentials may be written.
func inRAM() string {
	dir, err := os.MkdirTemp("/dev/shm", "rebirth-dayzero-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	return dir
}

// filesWith are the files below dir that hold the text.
func filesWith(dir, text string) []string {
	GinkgoHelper()
	found := []string{}
	Expect(filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), text) {
			found = append(found, path)
		}
		return err
	})).To(Succeed())
	return found
}
