package mirror

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// CAKey is the key under which the certificate authority is mirrored.
const CAKey = "ca.crt"

// defaultExcluded is kept from a postgresUser's consumers: the verifier is what
// an attacker would try passwords on, and no client needs it.
var defaultExcluded = []string{"verifier"}

// exported returns the keys that the export gives away.
func exported(export *v1alpha1.SecretExport, source redact.Data) redact.Data {
	out := redact.Data{}
	for key, value := range source {
		if exports(export, key) {
			out[key] = value
		}
	}
	if export.Status.CA != "" && export.IncludesCA() && exports(export, CAKey) {
		out[CAKey] = []byte(export.Status.CA)
	}
	return out
}

func exports(export *v1alpha1.SecretExport, key string) bool {
	filter := export.Spec.Keys
	switch {
	case filter != nil && len(filter.Include) > 0:
		return slices.Contains(filter.Include, key)
	case filter != nil && len(filter.Exclude) > 0:
		return !slices.Contains(filter.Exclude, key)
	case export.Spec.Source.PostgresUser != nil:
		return !slices.Contains(defaultExcluded, key)
	default:
		return true
	}
}

// render returns what the mirror shall hold, or why that can't be said.
func render(imp *v1alpha1.SecretImport, from redact.Data) (redact.Data, *refusal) {
	names := slices.Sorted(maps.Keys(from))
	out := redact.Data{}
	if imp.Spec.Target.Keys == nil {
		maps.Copy(out, from)
	}
	for i, mapping := range imp.Spec.Target.Keys {
		value, ok := from[mapping.From]
		if !ok {
			return nil, stalled(v1alpha1.KeyMissingReason, "spec.target.keys[%d].from: %q is not among the exported keys (%s)", i, mapping.From, strings.Join(names, ", "))
		}
		if len(value) == 0 {
			return nil, waiting(v1alpha1.KeyEmptyReason, "spec.target.keys[%d].from: the exported key %q is empty; waiting until it has a value", i, mapping.From)
		}
		out[targetKey(mapping)] = value
	}
	if refused := renderTemplates(imp, from, names, out); refused != nil {
		return nil, refused
	}
	if size := sizeOf(out); size > maxSecretSize {
		return nil, stalled(v1alpha1.TooLargeReason, "the mirror would hold %d bytes, and a Secret holds at most %d: select fewer keys with spec.target.keys", size, maxSecretSize)
	}
	return out, nil
}

func sizeOf(data redact.Data) int {
	size := 0
	for key, value := range data {
		size += len(key) + len(value)
	}
	return size
}

// renderTemplates adds the templates' keys to out. All of them share one budget.
func renderTemplates(imp *v1alpha1.SecretImport, from redact.Data, names []string, out redact.Data) *refusal {
	if len(imp.Spec.Target.Template) == 0 {
		return nil
	}
	values := make(map[string]string, len(from))
	for key, value := range from {
		values[key] = string(value)
	}
	b := &budget{work: maxWork, room: maxSecretSize - sizeOf(out)}
	for _, key := range slices.Sorted(maps.Keys(imp.Spec.Target.Template)) {
		if _, taken := out[key]; taken {
			return stalled(v1alpha1.InvalidSpecReason, "spec.target.template[%q] would overwrite the exported key of that name: select keys with spec.target.keys, or name the template otherwise", key)
		}
		t, err := parseTemplate(key, string(imp.Spec.Target.Template[key]))
		if err != nil {
			return stalled(v1alpha1.TemplateFailedReason, "%s", err)
		}
		value, refused := execute(t, values, names, b)
		if refused != nil {
			return refused
		}
		out[key] = value
	}
	return nil
}

func targetKey(m v1alpha1.KeyMapping) string {
	if m.To != "" {
		return m.To
	}
	return m.From
}

// secretType is the mirror's type: the source's as long as all its keys are
// mirrored under their own names, since the API server asks for certain keys by type.
func secretType(imp *v1alpha1.SecretImport, source *Source, out redact.Data) corev1.SecretType {
	if imp.Spec.Target.Keys != nil {
		return corev1.SecretTypeOpaque
	}
	for key := range source.Data {
		if _, ok := out[key]; !ok {
			return corev1.SecretTypeOpaque
		}
	}
	return source.Type
}

// Validate finds what is wrong with the spec alone, before anything is read.
func Validate(imp *v1alpha1.SecretImport) error {
	if imp.Spec.From.Namespace == imp.Namespace {
		return fmt.Errorf("spec.from.namespace is this import's own namespace %s: use the source Secret directly", imp.Namespace)
	}
	for _, key := range slices.Sorted(maps.Keys(imp.Spec.Target.Template)) {
		if _, err := parseTemplate(key, string(imp.Spec.Target.Template[key])); err != nil {
			return err
		}
	}
	return nil
}
