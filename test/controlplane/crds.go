package controlplane

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// PGOCRDs is the CRD of PostgresCluster, as the PGO module holds it in the version
// that this module requires.
func PGOCRDs(ctx context.Context) ([]byte, error) {
	return ModuleFile(ctx, ".", "github.com/crunchydata/postgres-operator",
		"config/crd/bases/postgres-operator.crunchydata.com_postgresclusters.yaml")
}

// ExternalSecretsCRDs is the CRD of ExternalSecret, as the module of External
// Secrets holds it in the version that tools/external-secrets pins.
func ExternalSecretsCRDs(ctx context.Context) ([]byte, error) {
	return ModuleFile(ctx, "tools/external-secrets", "github.com/external-secrets/external-secrets",
		"config/crds/bases/external-secrets.io_externalsecrets.yaml")
}

// ModuleFile reads a file of a module that the go.mod in a folder of this tree, such
// as tools/external-secrets, requires, and downloads the module if need be.
func ModuleFile(ctx context.Context, dir, module, file string) ([]byte, error) {
	root, err := ModuleRoot()
	if err != nil {
		return nil, err
	}
	out, err := golang(ctx, filepath.Join(root, dir), "mod", "download", "-json", module)
	if err != nil {
		return nil, err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out, &downloaded); err != nil {
		return nil, fmt.Errorf("download of %s: %w", module, err)
	}
	return os.ReadFile(filepath.Join(downloaded.Dir, filepath.FromSlash(file)))
}
