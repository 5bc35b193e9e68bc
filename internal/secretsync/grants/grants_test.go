package grants_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/secretsync/grants"
)

var _ = Describe("Grants", func() {
	parse := func(exports, imports []string) grants.Set {
		GinkgoHelper()
		set, err := grants.Parse(exports, imports)
		Expect(err).NotTo(HaveOccurred())
		return set
	}

	DescribeTable("cover a source",
		func(exports []string, namespace, name string, covered bool) {
			Expect(parse(exports, nil).Export(namespace, name)).To(Equal(covered))
		},
		Entry("of a granted namespace", []string{"db"}, "db", "any", true),
		Entry("that is granted by name", []string{"db/a", "db/b"}, "db", "b", true),
		Entry("with dots in its name", []string{"db/a.b-c"}, "db", "a.b-c", true),
		Entry("not another of that namespace", []string{"db/a"}, "db", "b", false),
		Entry("not of another namespace", []string{"db"}, "db-2", "a", false),
		Entry("not by an import's grant", nil, "db", "a", false),
	)

	It("cover the imports of a granted namespace only", func() {
		set := parse([]string{"db"}, []string{"web"})
		Expect(set.Import("web")).To(BeTrue())
		Expect(set.Import("db")).To(BeFalse())
		Expect(set.Export("web", "a")).To(BeFalse())
	})

	It("are none by default", func() {
		Expect(grants.Set{}.Export("db", "a")).To(BeFalse())
		Expect(grants.Set{}.Import("db")).To(BeFalse())
		Expect(grants.Set{}.Watches()).To(BeEmpty())
		Expect(grants.Set{}.ExportNamespaces()).To(BeEmpty())
	})

	It("can be the whole cluster", func() {
		Expect(grants.ClusterWide().Export("db", "a")).To(BeTrue())
		Expect(grants.ClusterWide().Import("web")).To(BeTrue())
		Expect(grants.ClusterWide().Watches()).To(ConsistOf(grants.Grant{}))
		Expect(grants.ClusterWide().ExportNamespaces()).To(ConsistOf(grants.All))
	})

	DescribeTable("refuse a value and name it",
		func(exports, imports []string, words ...string) {
			set, err := grants.Parse(exports, imports)
			Expect(set).To(Equal(grants.Set{}))
			for _, word := range words {
				Expect(err).To(MatchError(ContainSubstring(word)))
			}
		},
		Entry("an empty export", []string{"good", ""}, nil, `--export ""`, "namespace"),
		Entry("an export in capitals", []string{"DB"}, nil, `--export "DB"`, "lower case"),
		Entry("an export without a namespace", []string{"/a"}, nil, `--export "/a"`),
		Entry("an export without a name", []string{"db/"}, nil, `--export "db/"`, "Secret"),
		Entry("an export with a bad name", []string{"db/A"}, nil, `"A"`, "Secret"),
		Entry("an export with two slashes", []string{"db/a/b"}, nil, `"a/b"`),
		Entry("a list in one value", []string{"db,web"}, nil, `"db,web"`),
		Entry("an empty import", nil, []string{""}, `--import ""`),
		Entry("an import of one Secret", nil, []string{"web/a"}, `--import "web/a"`, "namespace"),
	)

	DescribeTable("are watched by the fewest informers",
		func(exports, imports []string, expected ...grants.Grant) {
			Expect(parse(exports, imports).Watches()).To(ConsistOf(expected))
		},
		Entry("one each", []string{"db"}, []string{"web"}, grants.Grant{Namespace: "db"}, grants.Grant{Namespace: "web"}),
		Entry("one for both directions", []string{"db"}, []string{"db"}, grants.Grant{Namespace: "db"}),
		Entry("one for repeated values", []string{"db", "db"}, nil, grants.Grant{Namespace: "db"}),
		Entry("one for each named Secret", []string{"db/a", "db/b", "db/a"}, nil, grants.Grant{Namespace: "db", Name: "a"}, grants.Grant{Namespace: "db", Name: "b"}),
		Entry("none for a Secret of a watched namespace", []string{"db/a", "db"}, nil, grants.Grant{Namespace: "db"}),
		Entry("none for a Secret of an import's namespace", []string{"db/a"}, []string{"db"}, grants.Grant{Namespace: "db"}),
	)

	It("list each namespace with exports once, in their order", func() {
		Expect(parse([]string{"b/x", "a", "b/y"}, []string{"web"}).ExportNamespaces()).To(Equal([]string{"b", "a"}))
	})
})
