package pgo_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestPGO(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "what PGO says of a PostgresCluster")
}
