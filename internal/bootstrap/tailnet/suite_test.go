package tailnet_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestTailnet(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Tailnet adapter")
}
