package talos_test

import (
	"encoding/json"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

var _ = Describe("A configuration", func() {
	var base talos.Config

	BeforeEach(func() { base = generate(cluster(), clusterSecrets())[worker] })

	It("takes the auth key and gives it back, and is what it was", func() {
		lent, err := base.WithAuthKey(secret.New([]byte(canary)))
		Expect(err).NotTo(HaveOccurred())
		Expect(lent.HasAuthKey()).To(BeTrue())
		Expect(environment(lent)).To(Equal(append(environment(base), "TS_AUTHKEY="+canary)))
		Expect(yamlOf(base)).NotTo(ContainSubstring(canary))

		back, err := lent.WithoutAuthKey()
		Expect(err).NotTo(HaveOccurred())
		Expect(back.HasAuthKey()).To(BeFalse())
		Expect(yamlOf(back)).To(Equal(yamlOf(base)))
	})

	It("loses a key under its other names, too", func() {
		lent, err := talos.ParseConfig([]byte(strings.Replace(yamlOf(base), "TS_AUTH_ONCE=true", "TS_AUTH_KEY="+canary, 1)))
		Expect(err).NotTo(HaveOccurred())
		Expect(lent.HasAuthKey()).To(BeTrue())
		back, err := lent.WithoutAuthKey()
		Expect(err).NotTo(HaveOccurred())
		Expect(yamlOf(back)).NotTo(ContainSubstring(canary))
	})

	It("takes no second key", func() {
		lent, err := base.WithAuthKey(secret.New([]byte("one")))
		Expect(err).NotTo(HaveOccurred())
		_, err = lent.WithAuthKey(secret.New([]byte("two")))
		Expect(err).To(MatchError(ContainSubstring("has an auth key already")))
	})

	It("takes no key if no extension would read it", func() {
		outside := generate(cluster(func(c *spec.Cluster) { c.Tailnet = nil }), clusterSecrets())[worker]
		_, err := outside.WithAuthKey(secret.New([]byte(canary)))
		Expect(err).To(MatchError(And(ContainSubstring("no document for the tailscale extension"), Not(ContainSubstring(canary)))))
	})

	It("prints as nothing", func() {
		printed, err := json.Marshal(struct{ C talos.Config }{base})
		Expect(err).NotTo(HaveOccurred())
		for _, text := range []string{string(printed), fmt.Sprintf("%v", base), fmt.Sprintf("%+v", struct{ C *talos.Config }{&base}), fmt.Sprintf("%#v", base)} {
			Expect(text).NotTo(ContainSubstring("machine"))
			Expect(len(text)).To(BeNumerically("<", 60))
		}
	})

	It("that can't be read is refused without being quoted", func() {
		_, err := talos.ParseConfig([]byte("version: v1alpha1\nmachine: {unheardOf: " + canary + "}\n"))
		Expect(err).To(MatchError(And(ContainSubstring("can't read"), Not(ContainSubstring(canary)))))
	})
})

var _ = DescribeTable("A change of machine.certSANs",
	func(active, wanted []string, refused bool) {
		err := talos.CertSANsChange(active, wanted)
		if !refused {
			Expect(err).NotTo(HaveOccurred())
			return
		}
		Expect(err).To(MatchError(And(ContainSubstring("machine.certSANs"), ContainSubstring("reborn"))))
	},
	Entry("none at all", nil, nil, false),
	Entry("none", []string{"a", "b"}, []string{"a", "b"}, false),
	Entry("of their order", []string{"a", "b"}, []string{"b", "a"}, false),
	Entry("one more", []string{"a"}, []string{"a", "b"}, true),
	Entry("one less", []string{"a"}, nil, true),
	Entry("another", []string{"a"}, []string{"b"}, true),
)

var _ = DescribeTable("The machine at a node's address",
	func(found talos.Identity, wantUUID, wantMAC string, complaints ...string) {
		err := talos.VerifyIdentity(found, wantUUID, wantMAC)
		if len(complaints) == 0 {
			Expect(err).NotTo(HaveOccurred())
			return
		}
		for _, complaint := range complaints {
			Expect(err).To(MatchError(ContainSubstring(complaint)))
		}
	},
	Entry("is the node's", talos.Identity{UUID: "8d1e", MACs: []string{"AA:00", "BC:24"}}, "8D1E", "bc:24"),
	Entry("is another", talos.Identity{UUID: "ffff", MACs: []string{"AA:00"}}, "8d1e", "BC:24",
		"its UUID is ffff and not 8d1e", "none of its MACs (AA:00) is BC:24", "Nothing was sent to it"),
	Entry("has another UUID", talos.Identity{UUID: "ffff", MACs: []string{"BC:24"}}, "8d1e", "BC:24", "its UUID is ffff"),
	Entry("has another card", talos.Identity{UUID: "8d1e", MACs: []string{"AA:00"}}, "8d1e", "BC:24", "none of its MACs"),
	Entry("says nothing", talos.Identity{}, "8d1e", "BC:24", "its UUID is unknown", "MACs (unknown)"),
	Entry("is expected to be nothing in particular", talos.Identity{}, "", "BC:24", "not known which machine to expect"),
)
