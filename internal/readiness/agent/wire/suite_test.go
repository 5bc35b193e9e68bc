package wire_test

import (
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

func TestWire(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "the agents' protocol")
}

var (
	newSecret = strings.Repeat("n", 32)
	oldSecret = strings.Repeat("o", 32)
)

func keys(secrets ...string) wire.Keys {
	GinkgoHelper()
	var all [][]byte
	for _, secret := range secrets {
		all = append(all, []byte(secret))
	}
	parsed, err := wire.ParseKeys(all...)
	Expect(err).NotTo(HaveOccurred())
	return parsed
}
