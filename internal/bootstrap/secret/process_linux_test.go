package secret_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// roles are what this binary does when a spec starts it anew.
var roles = map[string]func(){
	"hardened":   func() { answer(hardened()) },
	"limited":    func() { forbidLocking(64 << 10); answer(hardened()) },
	"unlockable": func() { forbidLocking(0); answer(hardened()) },
	"privileged": func() { unlimit(unix.RLIMIT_MEMLOCK); answer(hardened()) },
	"crashing": func() {
		unlimit(unix.RLIMIT_CORE)
		secret.Harden()
		_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
		select {}
	},
	"taking-a-key":          func() { takeFromEnviron(func() []string { return nil }) },
	"taking-a-key-hardened": func() { takeFromEnviron(secret.Harden) },
}

// process is what a process says of itself.
type process struct {
	Limits, Status string
	Dumpable       int
	Notes          []string
	// Before and After are /proc/self/environ before and after a secret was taken out.
	Before, After string
	// Held is what it got in the end.
	Held string
}

func hardened() process {
	notes := secret.Harden()
	v := secret.New([]byte(canary))
	limits, err1 := os.ReadFile("/proc/self/limits")
	status, err2 := os.ReadFile("/proc/self/status")
	dumpable, err3 := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	runtime.KeepAlive(make([]byte, 64<<20)) // must not kill it
	fail(errors.Join(err1, err2, err3))
	return process{Limits: string(limits), Status: string(status), Dumpable: dumpable, Notes: notes, Held: string(v.Bytes())}
}

// takeFromEnviron looks at what the kernel shows through a file that it opens first:
// once a process is hardened, that file belongs to root.
func takeFromEnviron(prepare func() []string) {
	environ, err := os.Open("/proc/self/environ")
	fail(err)
	before, err := io.ReadAll(environ)
	fail(err)
	notes := prepare()
	v, err := secret.NewReader(nil, nil).Read(context.Background(), "proxmox.token", spec.Source{Env: "REBIRTH_SPEC_TOKEN"})
	fail(err)
	_, err = environ.Seek(0, io.SeekStart)
	fail(err)
	after, err := io.ReadAll(environ)
	fail(err)
	answer(process{Before: string(before), After: string(after), Notes: notes, Held: string(v.Bytes())})
}

// forbidLocking takes away the right to lock more than so many bytes, for good.
func forbidLocking(limit uint64) {
	fail(unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: limit, Max: limit}))
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	fail(unix.Capget(&header, &sets[0]))
	sets[0].Effective &^= 1 << unix.CAP_IPC_LOCK
	sets[0].Permitted &^= 1 << unix.CAP_IPC_LOCK
	runtime.LockOSThread() // a capability is a thread's
	fail(unix.Capset(&header, &sets[0]))
}

// unlimit raises a limit as far as this process may.
func unlimit(resource int) {
	if unix.Setrlimit(resource, &unix.Rlimit{Cur: math.MaxUint64, Max: math.MaxUint64}) == nil {
		return
	}
	var l unix.Rlimit
	fail(unix.Getrlimit(resource, &l))
	fail(unix.Setrlimit(resource, &unix.Rlimit{Cur: l.Max, Max: l.Max}))
}

func answer(p process) { fail(json.NewEncoder(os.Stdout).Encode(p)) }

func fail(err error) {
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// played starts this binary in a role and returns what it printed.
func played(ctx context.Context, role string, environ ...string) process {
	GinkgoHelper()
	return playedAs(ctx, nil, role, environ...)
}

// nobody is a user without rights; nil where this process is one already, and may
// not become another.
func nobody() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: 65534, Gid: 65534}
}

func playedAs(ctx context.Context, user *syscall.Credential, role string, environ ...string) process {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stderr = GinkgoWriter
	out, err := cmd.Output()
	Expect(err).NotTo(HaveOccurred())
	var p process
	Expect(json.Unmarshal(out, &p)).To(Succeed())
	return p
}

// locked are the KiB that a process has locked, by its status.
func locked(status string) int {
	GinkgoHelper()
	found := regexp.MustCompile(`VmLck:\s+(\d+) kB`).FindStringSubmatch(status)
	Expect(found).To(HaveLen(2))
	kib, err := strconv.Atoi(found[1])
	Expect(err).NotTo(HaveOccurred())
	return kib
}

var _ = Describe("A hardened process", func() {
	It("dumps no core, and can't be traced by others of its user", func(ctx SpecContext) {
		p := played(ctx, "hardened")
		Expect(p.Limits).To(MatchRegexp(`Max core file size +0 +0 `))
		Expect(p.Dumpable).To(Equal(0))
	})

	It("dumps no core when it crashes, whatever its limit was", func(ctx SpecContext) {
		cmd := exec.CommandContext(ctx, "/proc/self/exe", "crashing")
		cmd.Dir = GinkgoT().TempDir()
		var exit *exec.ExitError
		Expect(errors.As(cmd.Run(), &exit)).To(BeTrue())
		status := exit.Sys().(syscall.WaitStatus)
		Expect(status.CoreDump()).To(BeFalse())
		Expect(names(cmd.Dir)).To(BeEmpty())
	})

	It("keeps its secrets in locked memory, within its limit, and lives", func(ctx SpecContext) {
		p := played(ctx, "limited")
		Expect(locked(p.Status)).To(BeNumerically("~", 4, 60), "a page, not everything")
		Expect(p.Held).To(Equal(canary))
	})

	It("works where nothing can be locked", func(ctx SpecContext) {
		p := played(ctx, "unlockable")
		Expect(locked(p.Status)).To(BeZero())
		Expect(p.Held).To(Equal(canary))
	})

	It("raises its limit as far as it may, and lives when all is locked", func(ctx SpecContext) {
		p := played(ctx, "privileged")
		Expect(locked(p.Status)).To(BeNumerically(">", 0))
		Expect(p.Held).To(Equal(canary))
		Expect(p.Limits).To(MatchRegexp(`Max locked memory +(\S+) +(\S+)`))
		limits := regexp.MustCompile(`Max locked memory +(\S+) +(\S+)`).FindStringSubmatch(p.Limits)
		Expect(limits[1]).To(Equal(limits[2]), "soft and hard limit")
	})
})

var _ = Describe("A secret in memory", func() {
	It("is locked, and left out of dumps", func() {
		before, err := os.ReadFile("/proc/self/status")
		Expect(err).NotTo(HaveOccurred())
		v := held()
		after, err := os.ReadFile("/proc/self/status")
		Expect(err).NotTo(HaveOccurred())
		Expect(locked(string(after))).To(BeNumerically(">", locked(string(before))))
		Expect(flagsOf(v.Bytes())).To(ContainElements("lo", "dd"))
	})

	It("is unlocked when it is destroyed", func() {
		v := held()
		bytes := v.Bytes()
		Expect(flagsOf(bytes)).To(ContainElement("lo"))
		v.Destroy()
		Expect(flagsOf(bytes)).NotTo(ContainElement("lo"))
	})
})

// flagsOf are the kernel's flags of the mapping that b lies in, by proc_pid_smaps(5).
func flagsOf(b []byte) []string {
	GinkgoHelper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	Expect(err).NotTo(HaveOccurred())
	at, inside := uint64(uintptr(unsafe.Pointer(&b[0]))), false
	for line := range strings.Lines(string(smaps)) {
		if bounds := regexp.MustCompile(`^([0-9a-f]+)-([0-9a-f]+) `).FindStringSubmatch(line); bounds != nil {
			first, _ := strconv.ParseUint(bounds[1], 16, 64)
			last, _ := strconv.ParseUint(bounds[2], 16, 64)
			inside = first <= at && at < last
		}
		if flags, found := strings.CutPrefix(line, "VmFlags:"); found && inside {
			return strings.Fields(flags)
		}
	}
	Fail("no mapping")
	return nil
}

var _ = Describe("A secret that was in the environment when the process started", func() {
	DescribeTable("is gone from what the kernel shows of it", func(ctx SpecContext, user *syscall.Credential, role string) {
		p := playedAs(ctx, user, role, "REBIRTH_SPEC_TOKEN="+canary, "REBIRTH_SPEC_TOKEN_ADDRESS=kept")
		Expect(p.Before).To(ContainSubstring("REBIRTH_SPEC_TOKEN=" + canary))
		Expect(p.After).To(Equal(strings.ReplaceAll(p.Before, canary, strings.Repeat("\x00", len(canary)))), "and nothing else is")
		Expect(p.Held).To(Equal(canary))
	},
		Entry("whoever runs it", nil, "taking-a-key"),
		Entry("hardened, as a user without rights", nobody(), "taking-a-key-hardened"),
	)
})
