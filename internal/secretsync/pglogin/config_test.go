package pglogin

import (
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgconn"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// hostileEnvironment sets everything that pgconn takes from the environment and
// from files in the home directory to something that would lead a login astray.
func hostileEnvironment() {
	GinkgoHelper()
	home := GinkgoT().TempDir()
	Expect(os.Mkdir(filepath.Join(home, ".postgresql"), 0o700)).To(Succeed())
	for _, name := range []string{".pgpass", ".pg_service.conf", ".postgresql/root.crt", ".postgresql/postgresql.crt", ".postgresql/postgresql.key"} {
		Expect(os.WriteFile(filepath.Join(home, name), []byte("*:*:*:*:hostile\n"), 0o600)).To(Succeed())
	}
	for name, value := range map[string]string{
		"HOME": home, "PGHOST": "hostile", "PGPORT": "1,2,3", "PGDATABASE": "hostile", "PGUSER": "hostile",
		"PGPASSWORD": "hostile", "PGPASSFILE": filepath.Join(home, ".pgpass"), "PGAPPNAME": "hostile",
		"PGCONNECT_TIMEOUT": "hostile", "PGSSLMODE": "hostile", "PGSSLKEY": home, "PGSSLCERT": home,
		"PGSSLCERTMODE": "require", "PGSSLSNI": "0", "PGSSLROOTCERT": home, "PGSSLPASSWORD": "hostile",
		"PGSSLNEGOTIATION": "direct", "PGTARGETSESSIONATTRS": "standby", "PGSERVICE": "hostile",
		"PGSERVICEFILE": filepath.Join(home, ".pg_service.conf"), "PGTZ": "hostile", "PGOPTIONS": "-c hostile=1",
		"PGMINPROTOCOLVERSION": "3.2", "PGMAXPROTOCOLVERSION": "hostile", "PGCHANNELBINDING": "require", "PGREQUIREAUTH": "none",
	} {
		GinkgoT().Setenv(name, value)
	}
}

var _ = Describe("the connection's settings", func() {
	// settings are those that can be compared: functions can't.
	settings := func(config *pgconn.Config) pgconn.Config {
		Expect(config.ValidateConnect).To(BeNil())
		compared := *config
		compared.DialFunc, compared.LookupFunc, compared.BuildFrontend = nil, nil, nil
		compared.BuildContextWatcherHandler, compared.OnPgError = nil, nil
		return compared
	}

	It("owe nothing to the environment or the home directory", func() {
		clean, err := parseBlank()
		Expect(err).NotTo(HaveOccurred())
		hostileEnvironment()
		_, err = pgconn.ParseConfig("")
		Expect(err).To(HaveOccurred(), "the environment is not hostile")

		hostile, err := parseBlank()
		Expect(err).NotTo(HaveOccurred())
		Expect(settings(hostile)).To(Equal(settings(clean)))
		Expect(os.Getenv("PGSERVICE")).To(Equal("hostile"), "the variable is put back")
	})

	It("are the target's", func() {
		config, err := configure(grafana())
		Expect(err).NotTo(HaveOccurred())
		Expect(config.Host).To(Equal("localhost"))
		Expect(config.User).To(Equal("grafana"))
		Expect(config.Database).To(Equal("grafana"))
		Expect(config.Password).To(Equal(canary))
		Expect(config.Fallbacks).To(BeEmpty())
		Expect(config.RequireAuth).To(Equal("scram-sha-256,md5"))
		Expect(config.ChannelBinding).To(Equal("prefer"))
		Expect(config.RuntimeParams).To(Equal(map[string]string{"application_name": "secret-sync"}))
	})

	It("of one target never reach another", func() {
		first, err := configure(grafana())
		Expect(err).NotTo(HaveOccurred())
		other := grafana()
		other.Password = ""
		second, err := configure(other)
		Expect(err).NotTo(HaveOccurred())
		Expect(second.Password).To(BeEmpty())
		first.RuntimeParams["application_name"] = "changed"
		Expect(second.RuntimeParams).To(HaveKeyWithValue("application_name", "secret-sync"))
	})
})
