package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/process"
)

// parentEnv makes this test's program a parent that starts a child, writes the
// child's process id to the file that the variable names, and waits to be killed.
const parentEnv = "REBIRTH_TEST_PARENT"

func init() {
	if file := os.Getenv(parentEnv); file != "" {
		beParent(file)
	}
}

func beParent(file string) {
	script := "echo $$ > " + file + ".new; mv " + file + ".new " + file + "; exec sleep 600"
	_, err := process.Start(process.Command{
		Path: "/bin/sh", Args: []string{"-c", script}, Log: file + ".log", LastSignal: syscall.SIGKILL})
	if err != nil {
		panic(err)
	}
	select {}
}

var _ = Describe("A child process on Linux", func() {
	It("dies with its parent, even when that is killed", func(ctx SpecContext) {
		file := filepath.Join(GinkgoT().TempDir(), "pid")
		parent := exec.Command(os.Args[0])
		parent.Env = append(os.Environ(), parentEnv+"="+file)
		Expect(parent.Start()).To(Succeed())
		var child int
		Eventually(ctx, func() (err error) {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			child, err = strconv.Atoi(strings.TrimSpace(string(content)))
			return err
		}).WithTimeout(10 * time.Second).Should(Succeed())
		Expect(parent.Process.Kill()).To(Succeed())
		Expect(parent.Wait()).NotTo(Succeed())
		Eventually(ctx, func() string {
			status, _ := os.ReadFile("/proc/" + strconv.Itoa(child) + "/status")
			return string(status)
		}).Should(Or(BeEmpty(), ContainSubstring("zombie")))
	}, SpecTimeout(time.Minute))
})
