package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/tazzo/rebirth/test/demo/show"
)

// program is built once, when the first spec needs it.
var program = sync.OnceValues(func() (string, error) { return gexec.Build("github.com/tazzo/rebirth/test/demo") })

var _ = AfterSuite(gexec.CleanupBuildArtifacts)

// patience is for a demo that works: beside a cold compiler it is slow.
const patience = 15 * time.Minute

var _ = Describe("The demo's program", func() {
	// start runs it inside the project's tree, with a folder of its own for all
	// that it writes.
	start := func(temp string, args ...string) *gexec.Session {
		GinkgoHelper()
		path, err := program()
		Expect(err).NotTo(HaveOccurred())
		// Run by root, PostgreSQL runs as another user, who has to enter it.
		Expect(os.Chmod(temp, 0o755)).To(Succeed())
		command := exec.Command(path, args...)
		command.Env = append(os.Environ(), "TMPDIR="+temp)
		session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { session.Interrupt().Wait(time.Minute) })
		return session
	}
	left := func(temp string) []string {
		GinkgoHelper()
		found, err := filepath.Glob(filepath.Join(temp, "rebirth-*"))
		Expect(err).NotTo(HaveOccurred())
		return found
	}

	It("plays to its end, reaches every stop condition and leaves its logs alone behind", func(ctx context.Context) {
		temp, logs := GinkgoT().TempDir(), GinkgoT().TempDir()
		session := start(temp, "--fast", "--logs", logs)
		Eventually(ctx, session, patience).Should(gexec.Exit(0))
		out := string(session.Out.Contents())
		for _, line := range []string{
			`former life gone, machines and device`, `both nodes in the tailnet, by their names`, `auth key revoked`,
			`kubeconfig opens it; Flux' Secret is there`, `nothing was left to do`, `Flux reads the private repository`,
			`gate shut, and names worker-2 and Flannel`, `Flux holds secret-sync back`, `gate still shut, and names worker-2's agent`,
			`gate open`, `Flux goes on: secret-sync is applied`, `Flux calls secret-sync Ready`,
			`P1 is proven to log in`, `mirror written`, `restart asked for`, `Grafana logs in again`,
			`mirror kept, and said so`, `Stalled, with the way out`, `verifier emptied`, `Grafana logs in again, without a restart`,
		} {
			Expect(out).To(MatchRegexp(`(?m)^    ✓ ` + line + ` +[0-9.]+ m?s$`))
		}
		Expect(out).To(And(
			ContainSubstring("✓ the auth key, the APIs' and the Git credential are nowhere in"), ContainSubstring("✓ the tailnet has 2 devices"),
			ContainSubstring("✓ Flux applied nothing behind the gate before that was open"), ContainSubstring("✓ the agents' key is not in"),
			ContainSubstring("✓ Grafana was restarted 3 times"), ContainSubstring("✓ no password and no verifier"), ContainSubstring("Proven:")))
		Expect(out).To(And(MatchRegexp(`worker-2  cni  failing since`), MatchRegexp(`worker-2  agent  failing since`)), "the report is quoted")
		Expect(out).NotTo(ContainSubstring("\x1b"), "no colours where there is no terminal")
		for _, name := range []string{"bootstrap.jsonl", "secret-sync.jsonl", "readiness-gate.jsonl", "readiness-agent-worker-1.jsonl"} {
			Expect(filepath.Join(logs, name)).To(BeARegularFile())
		}
		Expect(left(temp)).To(BeEmpty())
	}, NodeTimeout(patience+time.Minute))

	DescribeTable("exits with 1 and shows the conditions when it does not converge in time", func(ctx context.Context, act string, conditions ...string) {
		temp := GinkgoT().TempDir()
		session := start(temp, "--fast", "--only", act, "--timeout", "1ms", "--logs", GinkgoT().TempDir())
		Eventually(ctx, session, patience).Should(gexec.Exit(1))
		out := string(session.Out.Contents())
		Expect(out).To(And(
			ContainSubstring("not within 1ms (--timeout)"), ContainSubstring(show.NotConverged), Not(ContainSubstring("Proven:"))))
		for _, object := range conditions {
			Expect(out).To(MatchRegexp(`(?m)^` + object + `\n  \S`))
		}
		Expect(left(temp)).To(BeEmpty())
	},
		Entry("bootstrap", NodeTimeout(patience+time.Minute), "bootstrap", "bootstrap status"),
		Entry("readiness-gate", NodeTimeout(patience+time.Minute), "readiness-gate", "ReadinessGate flux-system/network", "Kustomization flux-system/secret-sync"),
		Entry("secret-sync", NodeTimeout(patience+time.Minute), "secret-sync", "SecretExport tazlab-db/grafana", "SecretImport monitoring/grafana-db"),
	)

	It("stops everything when it is interrupted", func(ctx context.Context) {
		temp := GinkgoT().TempDir()
		session := start(temp, "--logs", GinkgoT().TempDir())
		Eventually(ctx, session.Out.Contents, patience).Should(ContainSubstring("4  Half healed"))
		session.Interrupt()
		Eventually(ctx, session, "30s").Should(gexec.Exit(130))
		Expect(string(session.Err.Contents())).To(ContainSubstring("interrupted; everything is stopped"))
		Expect(left(temp)).To(BeEmpty())
	}, NodeTimeout(patience+time.Minute))

	It("says how it is used, and refuses what it doesn't know", func() {
		help := start(GinkgoT().TempDir(), "--help")
		Eventually(help, "10s").Should(gexec.Exit(0))
		Expect(string(help.Out.Contents())).To(And(ContainSubstring("--fast"), ContainSubstring("--keep"), ContainSubstring("played: PGO's operator")))
		wrong := start(GinkgoT().TempDir(), "--quick")
		Eventually(wrong, "10s").Should(gexec.Exit(2))
		Expect(string(wrong.Err.Contents())).To(ContainSubstring("--help"))
		other := start(GinkgoT().TempDir(), "--only", "everything")
		Eventually(other, "10s").Should(gexec.Exit(2))
		Expect(string(other.Err.Contents())).To(ContainSubstring("there are bootstrap, readiness-gate, secret-sync"))
	})
})
