package lint

import (
	"fmt"
	"strings"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/envsubst"
	"sigs.k8s.io/yaml"
)

// substitution is what is known of a Kustomization's postBuild variables.
type substitution struct {
	values map[string]string
	// open says that some come from what isn't in the repository, such as an
	// encrypted Secret.
	open bool
}

// needed says whether kustomize-controller would substitute at all.
func (s substitution) needed(k kustomizev1.Kustomization) bool {
	return len(s.values) > 0 || s.open || k.GetSubstituteStrategy() == kustomizev1.SubstituteStrategyAlways
}

// apply replaces the variables in an object. One whose value can't be known stays
// as it is written, so that equal names stay equal.
func (s substitution) apply(o object) (object, error) {
	const key = "kustomize.toolkit.fluxcd.io/substitute"
	if o.annotation(key) == kustomizev1.DisabledValue || text(o.fields, "metadata", "labels", key) == kustomizev1.DisabledValue {
		return o, nil
	}
	source, err := yaml.Marshal(o.fields)
	if err != nil {
		return o, err
	}
	result, err := envsubst.Eval(string(source), func(name string) (string, bool) {
		value, known := s.values[name]
		if !known && s.open {
			return "${" + name + "}", true
		}
		return value, true
	})
	if err != nil {
		return o, fmt.Errorf("%s: postBuild: %w", o.ref, err)
	}
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(result), &fields); err != nil {
		return o, fmt.Errorf("%s: after postBuild: %w", o.ref, err)
	}
	o.ref, o.fields = refOf(fields), fields
	return o, nil
}

// variables collects what a Kustomization substitutes: its own values before
// those of ConfigMaps, of which later ones win. Secrets aren't read.
func variables(k *kustomization, configMaps map[Ref]object) substitution {
	s := substitution{values: map[string]string{}}
	if k.flux.Spec.PostBuild == nil {
		return s
	}
	for _, from := range k.flux.Spec.PostBuild.SubstituteFrom {
		source, found := configMaps[Ref{Kind: from.Kind, Namespace: k.ref.Namespace, Name: from.Name}]
		if from.Kind != "ConfigMap" || !found {
			s.open = true
			continue
		}
		data, _ := source.fields["data"].(map[string]any)
		for name, value := range data {
			s.values[name] = oneLine(fmt.Sprint(value))
		}
	}
	for name, value := range k.flux.Spec.PostBuild.Substitute {
		s.values[name] = oneLine(value)
	}
	return s
}

// oneLine is what kustomize-controller does with every value.
func oneLine(value string) string {
	return strings.ReplaceAll(value, "\n", "")
}
