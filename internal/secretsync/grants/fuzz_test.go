package grants_test

import (
	"strings"
	"testing"

	"github.com/tazzo/rebirth/internal/secretsync/grants"
)

// FuzzGrants looks for values of flags that grant what they don't say, or that
// leave a grant without a watch.
func FuzzGrants(f *testing.F) {
	for _, seed := range [][2]string{{"db", "web"}, {"db/a", "db"}, {"", ""}, {"/", "/"}, {"db/", "*"}, {"db/a.b", "x"}, {"db/a/b", "x"}, {"*/*", "x"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, export, imported string) {
		set, err := grants.Parse([]string{export}, []string{imported})
		if err != nil {
			if set.Export("db", "a") || set.Import("web") || len(set.Watches()) > 0 {
				t.Fatalf("%q, %q: grants something beside %s", export, imported, err)
			}
			return
		}
		namespace, name, single := strings.Cut(export, "/")
		if !set.Import(imported) || !set.Export(namespace, name) || single == set.Export(namespace, "another") {
			t.Fatalf("%q, %q: not what it says", export, imported)
		}
		if set.Export(namespace+"-x", name) || set.Import(imported+"-x") || set.Export(grants.All, name) || set.Import(grants.All) {
			t.Fatalf("%q, %q: more than it says", export, imported)
		}
		watched := false
		for _, w := range set.Watches() {
			watched = watched || (w.Namespace == namespace && (w.Name == "" || w.Name == name))
		}
		if !watched {
			t.Fatalf("%q, %q: not watched: %v", export, imported, set.Watches())
		}
	})
}
