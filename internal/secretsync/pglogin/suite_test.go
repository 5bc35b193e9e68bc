package pglogin

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/postgres"
)

func TestLogin(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "a login")
}

// server is the one real PostgreSQL of this suite.
var server *postgres.Server

const (
	// everybody is the rule that each spec starts with.
	everybody = "host all all 127.0.0.1/32 scram-sha-256"
	canary    = "c4n4ry-Passw0rd-\u00e9"
)

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	server, err = postgres.Start(ctx, postgres.Options{Progress: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return server.Stop() })
	Expect(server.SetHBA(ctx, everybody)).To(Succeed())
	Expect(server.SetRole(ctx, "grafana", canary, "grafana")).To(Succeed())
}, NodeTimeout(5*time.Minute))
