package secret_test

import (
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// canary is the secret that must not be found anywhere.
const canary = "canary-5a0f&\"<k>"

func TestSecret(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "secret")
}

// TestMain lets a spec run this binary as a process of its own: what Harden does
// can't be taken back.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if play, found := roles[os.Args[1]]; found {
			play()
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}
