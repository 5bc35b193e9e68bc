package talos

import (
	"errors"
	"fmt"
	"slices"

	machinery "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// Patch is a strategic merge patch of machine configurations.
type Patch struct {
	// Name says where it comes from, for errors, such as "talos.patches[0] (cni.yaml)".
	Name string
	// Roles that it is for; all by default.
	Roles []spec.Role
	YAML  []byte
}

type loadedPatch struct {
	Patch
	patch configpatcher.Patch
}

func loadPatches(patches []Patch) ([]loadedPatch, error) {
	var loaded []loadedPatch
	var problems []error
	for _, p := range patches {
		patch, err := configpatcher.LoadPatch(p.YAML)
		if err == nil {
			if _, strategic := patch.(configpatcher.StrategicMergePatch); !strategic {
				err = errors.New("a JSON patch, which Talos doesn't apply to configurations of several documents: write it as the part of the configuration that it changes")
			}
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", p.Name, withoutValues(err)))
			continue
		}
		loaded = append(loaded, loadedPatch{Patch: p, patch: patch})
	}
	return loaded, errors.Join(problems...)
}

// applyPatches applies those for the role, in their order.
func applyPatches(to machinery.Provider, patches []loadedPatch, role spec.Role) (machinery.Provider, error) {
	for _, p := range patches {
		if len(p.Roles) > 0 && !slices.Contains(p.Roles, role) {
			continue
		}
		output, err := configpatcher.Apply(configpatcher.WithConfig(to), []configpatcher.Patch{p.patch})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, withoutValues(err))
		}
		if to, err = output.Config(); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, withoutValues(err))
		}
	}
	return to, nil
}
