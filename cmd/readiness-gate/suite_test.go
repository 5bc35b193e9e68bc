package main

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestReadinessGate(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "cmd/readiness-gate")
}
