package externalsecret_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestExternalSecret(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "externalsecret")
}
