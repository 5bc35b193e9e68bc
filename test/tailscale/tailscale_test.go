package tailscale_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/process"
	"github.com/tazzo/rebirth/test/tailscale"
)

func TestTailscale(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Tailscale")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	Expect(tailscale.Prepare(ctx, GinkgoWriter)).To(Succeed())
}, NodeTimeout(30*time.Minute)) // the first build takes minutes

var _ = Describe("A node", func() {
	DescribeTable("doesn't start with what would not work on Talos, or leave this machine",
		func(ctx SpecContext, words string, document ...string) {
			_, err := tailscale.Start(ctx, GinkgoT().TempDir(), document)
			Expect(err).To(MatchError(And(ContainSubstring(words), Not(ContainSubstring("canary")))))
		},
		Entry("no control server", "no --login-server", "TS_HOSTNAME=one"),
		Entry("one on the internet", "no --login-server", "TS_EXTRA_ARGS=--login-server=https://headscale.example.com"),
		Entry("a state that isn't mounted", "nothing but /var/lib/tailscale", "TS_STATE_DIR=/tmp"),
		Entry("a socket that isn't mounted", "nothing but /var/run/tailscale/tailscaled.sock", "TS_SOCKET=/tmp/socket"),
		Entry("networking in userspace", "no interface tailscale0", "TS_USERSPACE=true"),
		Entry("what is no variable", "not of the form KEY=value", "canary"),
	)

	It("is started again when it ends, tailscaled with it, and ends for good with Stop", func(ctx SpecContext) {
		port, err := process.FreePort() // nobody listens there
		Expect(err).NotTo(HaveOccurred())
		dir := GinkgoT().TempDir()
		node, err := tailscale.Start(ctx, dir, []string{
			"TS_HOSTNAME=one", "TS_AUTH_ONCE=true", "TS_EXTRA_ARGS=--login-server=http://127.0.0.1:" + strconv.Itoa(port)})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(node.Kill()).To(Succeed()) })
		Expect(node.Hostname).To(Equal("one"))

		Eventually(ctx, tailscaledIn).WithArguments(dir).WithTimeout(20 * time.Second).Should(HaveLen(1))
		Eventually(ctx, node.Log).WithTimeout(20 * time.Second).Should(ContainSubstring("Running 'tailscale up'"))
		first := tailscaledIn(dir)[0]
		Expect(syscall.Kill(parent(first), syscall.SIGKILL)).To(Succeed())
		Eventually(ctx, tailscaledIn).WithArguments(dir).WithTimeout(20 * time.Second).Should(HaveExactElements(Not(Equal(first))))
		Expect(node.Addresses(ctx)).To(BeEmpty())

		Expect(node.Stop()).To(Succeed())
		Expect(tailscaledIn(dir)).To(BeEmpty())
		Expect(node.Stop()).To(Succeed(), "what has ended")
	}, SpecTimeout(time.Minute))

	It("starts no tailscaled for a containerboot that has ended in the meantime", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		node, err := tailscale.Start(ctx, dir, []string{"TS_EXTRA_ARGS=--login-server=http://127.0.0.1:1"})
		Expect(err).NotTo(HaveOccurred())
		Expect(node.Kill()).To(Succeed())
		Expect(exec.CommandContext(ctx, filepath.Join(dir, "bin", "tailscaled"), "--version").Run()).To(MatchError("exit status 1"))
	}, SpecTimeout(time.Minute))
})

// tailscaledIn are the processes of tailscaled that have their state in the folder.
func tailscaledIn(dir string) []int {
	GinkgoHelper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	Expect(err).NotTo(HaveOccurred())
	var found []int
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte("/tailscaled\x00")) && bytes.Contains(content, []byte("--statedir="+dir+"/")) {
			pid, err := strconv.Atoi(strings.Split(path, "/")[2])
			Expect(err).NotTo(HaveOccurred())
			found = append(found, pid)
		}
	}
	return found
}

func parent(pid int) int {
	GinkgoHelper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	Expect(err).NotTo(HaveOccurred())
	_, after, found := strings.Cut(string(status), "\nPPid:")
	Expect(found).To(BeTrue())
	ppid, err := strconv.Atoi(strings.Fields(after)[0])
	Expect(err).NotTo(HaveOccurred())
	return ppid
}
