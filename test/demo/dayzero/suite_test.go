package dayzero

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestDayZero(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The demo's act of bootstrap")
}
