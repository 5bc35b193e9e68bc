package postgres_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/postgres"
)

func TestPostgres(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "PostgreSQL")
}

const (
	user     = "graf\"ana"
	database = "dash'boards"
	password = `right 'and" \ long`
)

var server *postgres.Server

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	server, err = postgres.Start(ctx, postgres.Options{Progress: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
}, NodeTimeout(5*time.Minute))

func code(err error) string {
	refusal := new(pgconn.PgError)
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

var _ = Describe("A PostgreSQL server", func() {
	BeforeEach(func(ctx SpecContext) {
		Expect(server.SetRole(ctx, user, password, database)).To(Succeed())
	})

	It("accepts the right password over verify-full TLS and refuses a wrong one", func(ctx SpecContext) {
		Expect(server.Login(ctx, user, password, database)).To(Succeed())
		Expect(code(server.Login(ctx, user, "wrong", database))).To(Equal("28P01"))
	}, SpecTimeout(time.Minute))

	It("follows other rules of pg_hba.conf at once, and refuses wrong ones", func(ctx SpecContext) {
		Expect(server.SetHBA(ctx, "host all all 127.0.0.1/32 reject")).To(Succeed())
		Expect(code(server.Login(ctx, user, password, database))).To(Equal("28000"))
		Expect(server.SetHBA(ctx, "hostssl all all 127.0.0.1/32 scram-sha-256")).To(Succeed())
		Expect(server.Login(ctx, user, password, database)).To(Succeed())
		Expect(server.SetHBA(ctx, "no such rule")).To(MatchError(ContainSubstring("no such rule")))
		Expect(server.SetHBA(ctx, "hostssl all all 127.0.0.1/32 scram-sha-256")).To(Succeed())
	}, SpecTimeout(time.Minute))

	It("keeps SCRAM verifiers, and takes one back as it was", func(ctx SpecContext) {
		old, err := server.Verifier(ctx, user)
		Expect(err).NotTo(HaveOccurred())
		Expect(old).To(HavePrefix("SCRAM-SHA-256$"))
		Expect(server.SetRole(ctx, user, "newer", database)).To(Succeed())
		Expect(code(server.Login(ctx, user, password, database))).To(Equal("28P01"))
		Expect(server.SetRoleVerifier(ctx, user, old)).To(Succeed())
		Expect(server.Login(ctx, user, password, database)).To(Succeed())
	}, SpecTimeout(time.Minute))

	It("forgets a dropped role", func(ctx SpecContext) {
		Expect(server.DropRole(ctx, user)).To(Succeed())
		Expect(code(server.Login(ctx, user, password, database))).To(Equal("28P01"))
		_, err := server.Verifier(ctx, user)
		Expect(err).To(MatchError(ContainSubstring("verifier of the role")))
	}, SpecTimeout(time.Minute))

	It("is unreachable while stopped and comes back on the same port with its data", func(ctx SpecContext) {
		port := server.Port()
		Expect(server.StopServer()).To(Succeed())
		Expect(server.Login(ctx, user, password, database)).To(MatchError(syscall.ECONNREFUSED))
		Expect(server.StartServer(ctx)).To(Succeed())
		Expect(server.Port()).To(Equal(port))
		Expect(server.Login(ctx, user, password, database)).To(Succeed())
	}, SpecTimeout(time.Minute))

	It("fails verify-full when its certificate has another name", func(ctx SpecContext) {
		other := start(ctx, postgres.Options{Names: []string{"db.example"}})
		Expect(other.SetRole(ctx, user, password, "")).To(Succeed())
		Expect(other.Login(ctx, user, password, "postgres")).To(MatchError(ContainSubstring("db.example")))
	}, SpecTimeout(time.Minute))

	DescribeTable("lets clients in without TLS only when that is allowed",
		func(ctx SpecContext, options postgres.Options, refusal string) {
			other := start(ctx, options)
			Expect(other.SetRole(ctx, "plain", "password", "")).To(Succeed())
			conn, err := pgx.Connect(ctx, fmt.Sprintf("postgres://plain:password@127.0.0.1:%d/postgres?sslmode=disable", other.Port()))
			Expect(code(err)).To(Equal(refusal))
			if err == nil {
				Expect(conn.Close(ctx)).To(Succeed())
			}
		},
		Entry("not by default", postgres.Options{}, "28000", SpecTimeout(time.Minute)),
		Entry("with AllowPlain", postgres.Options{AllowPlain: true}, "", SpecTimeout(time.Minute)),
	)
})

func start(ctx SpecContext, options postgres.Options) *postgres.Server {
	GinkgoHelper()
	s, err := postgres.Start(ctx, options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(s.Stop)
	return s
}
