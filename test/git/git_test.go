package git_test

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/git"
)

func TestGit(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The Git server")
}

var _ = Describe("A repository", func() {
	var server *git.Server

	BeforeEach(func() {
		var err error
		server, err = git.Start(GinkgoT().TempDir(), "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Stop)
	})

	commit := func(ctx SpecContext, repository string) string {
		GinkgoHelper()
		name, err := server.Commit(ctx, repository, fstest.MapFS{"file": {Data: []byte("content")}})
		Expect(err).NotTo(HaveOccurred())
		return name
	}
	// head asks as git itself does.
	head := func(ctx SpecContext, url string) (string, error) {
		command := exec.CommandContext(ctx, "git", "ls-remote", url, "refs/heads/"+git.Branch)
		command.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL="+os.DevNull)
		out, err := command.Output()
		name, _, _ := strings.Cut(string(out), "\t")
		return name, err
	}
	as := func(user *url.Userinfo, repository string) string {
		GinkgoHelper()
		address, err := url.Parse(server.URL(repository))
		Expect(err).NotTo(HaveOccurred())
		address.User = user
		return address.String()
	}

	It("is everybody's", func(ctx SpecContext) {
		Expect(head(ctx, server.URL("public"))).Error().To(HaveOccurred(), "there is none yet")
		name := commit(ctx, "public")
		Expect(head(ctx, server.URL("public"))).To(Equal(name))
	})

	It("that is protected is for those alone who have its credential, whatever the path is written like", func(ctx SpecContext) {
		name := commit(ctx, "private")
		other := commit(ctx, "public")
		server.Protect("private", git.Credential{Username: "flux", Password: "right"})
		Expect(head(ctx, as(url.UserPassword("flux", "right"), "private"))).To(Equal(name))
		Expect(head(ctx, as(url.UserPassword("flux", "wrong"), "private"))).Error().To(HaveOccurred())
		Expect(head(ctx, as(url.UserPassword("nobody", "right"), "private"))).Error().To(HaveOccurred())
		Expect(head(ctx, server.URL("public"))).To(Equal(other))
		for _, repository := range []string{"private", "/private", "./private", "public.git/../private"} {
			answer, err := http.Get(server.URL(repository) + "/info/refs?service=git-upload-pack")
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.Body.Close()).To(Succeed())
			Expect(answer).NotTo(HaveHTTPStatus(http.StatusOK), repository)
		}
	})
})
