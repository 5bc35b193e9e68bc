// Package grants says which Secrets the chart gives secret-sync rights to, so
// that an object outside of them gets a clear answer instead of a refused request.
package grants

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// All stands for every namespace.
const All = ""

// Grant is the right to a namespace's Secrets, or to one of them.
type Grant struct {
	// Namespace, or All.
	Namespace string
	// Name of the one Secret; empty for all of the namespace.
	Name string
}

// Set is everything that was granted. The zero value grants nothing.
type Set struct {
	exports []Grant
	imports []Grant
}

// ClusterWide grants every namespace in both directions.
func ClusterWide() Set {
	return Set{exports: []Grant{{}}, imports: []Grant{{}}}
}

// Parse reads the values of --export ("namespace" or "namespace/secret") and
// --import ("namespace"). The error names the value that is wrong.
func Parse(exports, imports []string) (Set, error) {
	var set Set
	for _, value := range exports {
		namespace, name, single := strings.Cut(value, "/")
		if err := checkNamespace("--export", value, namespace); err != nil {
			return Set{}, err
		}
		if problems := validation.IsDNS1123Subdomain(name); single && len(problems) > 0 {
			return Set{}, fmt.Errorf("--export %q: %q is no name of a Secret: %s", value, name, problems[0])
		}
		set.exports = append(set.exports, Grant{Namespace: namespace, Name: name})
	}
	for _, value := range imports {
		if err := checkNamespace("--import", value, value); err != nil {
			return Set{}, err
		}
		set.imports = append(set.imports, Grant{Namespace: value})
	}
	return set, nil
}

func checkNamespace(flag, value, namespace string) error {
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return fmt.Errorf("%s %q: %q is no name of a namespace: %s", flag, value, namespace, problems[0])
	}
	return nil
}

// Export reports whether the Secret may be read as a source.
func (s Set) Export(namespace, name string) bool { return covers(s.exports, namespace, name) }

// Import reports whether Secrets of the namespace may be written.
func (s Set) Import(namespace string) bool { return covers(s.imports, namespace, "") }

// ExportNamespaces lists the namespaces with exports, each once, or All alone.
func (s Set) ExportNamespaces() []string {
	var out []string
	seen := map[string]bool{}
	for _, g := range s.exports {
		if g.Namespace == All {
			return []string{All}
		}
		if !seen[g.Namespace] {
			seen[g.Namespace] = true
			out = append(out, g.Namespace)
		}
	}
	return out
}

// Watches lists the least number of grants to watch that cover the whole set.
func (s Set) Watches() []Grant {
	var out []Grant
	all := append(append([]Grant{}, s.exports...), s.imports...)
	for i, g := range all {
		covered := false
		for j, other := range all {
			if i != j && contains(other, g) && (g != other || j < i) {
				covered = true
				break
			}
		}
		if !covered {
			out = append(out, g)
		}
	}
	return out
}

func covers(grants []Grant, namespace, name string) bool {
	for _, g := range grants {
		if contains(g, Grant{Namespace: namespace, Name: name}) {
			return true
		}
	}
	return false
}

func contains(outer, inner Grant) bool {
	return (outer.Namespace == All || outer.Namespace == inner.Namespace) &&
		(outer.Name == "" || outer.Name == inner.Name)
}
