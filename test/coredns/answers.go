package coredns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Answers are what a server says: the plugins of its one server block.
type Answers struct {
	plugins string
	zone    string // a zone file for "file zone ."
}

// Zone answers with authority for the whole tree of names: the records given, in
// the syntax of a zone file with absolute names, such as
// "kubernetes.default.svc.cluster.local. 30 IN A 10.96.0.1", and NXDOMAIN for every
// other name.
func Zone(records ...string) Answers {
	start := []string{
		". 30 IN SOA ns.test. hostmaster.test. 1 7200 1800 86400 30",
		". 30 IN NS ns.test.",
	}
	return Answers{plugins: "file zone .", zone: strings.Join(append(start, records...), "\n") + "\n"}
}

// NXDomain says to every question that the name doesn't exist.
func NXDomain() Answers { return Plugins("template IN ANY {\n rcode NXDOMAIN\n}") }

// ServFail says to every question that the server failed, as CoreDNS does when its
// upstreams or the API server are out of reach.
func ServFail() Answers { return Plugins("template IN ANY {\n rcode SERVFAIL\n}") }

// Plugins are lines of a Corefile's server block, taken as they are. The plugins
// bind, acl and chaos are there already.
func Plugins(lines string) Answers { return Answers{plugins: lines} }

// write writes the Corefile under a new revision.
func (s *Server) write(answers Answers) error {
	if answers == (Answers{}) {
		answers = Zone()
	}
	s.revision++
	// Outside of loopback it answers this machine alone.
	corefile := fmt.Sprintf(".:%d {\nbind %s\nacl {\nallow net 127.0.0.0/8 %s/32\nblock\n}\nchaos %s\nerrors\n%s\n}\n",
		s.port, s.ip, s.ip, revisionName(s.revision), answers.plugins)
	return errors.Join(
		os.WriteFile(filepath.Join(s.dir, "zone"), []byte(answers.zone), 0o600),
		os.WriteFile(s.corefile(), []byte(corefile), 0o600),
	)
}

func (s *Server) corefile() string { return filepath.Join(s.dir, "Corefile") }

func revisionName(revision int) string { return fmt.Sprintf("revision-%d", revision) }
