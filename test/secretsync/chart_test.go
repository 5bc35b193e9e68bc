package secretsync_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/controlplane"
)

var chartDir = filepath.Join("..", "..", "charts", "secret-sync")

// chartValues are the suite's values: one database's namespace, one consumer's.
func chartValues() map[string]any {
	return map[string]any{
		"exports": []any{map[string]any{"namespace": databaseNamespace, "repair": true}},
		"imports": []any{map[string]any{"namespace": consumerNamespace, "freeze": true}},
	}
}

func renderChart(ctx context.Context, values map[string]any) []byte {
	programs, err := controlplane.Prepare(ctx, GinkgoWriter)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	rendered, err := programs.RenderChart(ctx, chartDir, "secret-sync", releaseNamespace, values)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	return rendered
}

func namespaces(names ...string) []byte {
	var out strings.Builder
	for _, name := range names {
		fmt.Fprintf(&out, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", name)
	}
	return []byte(out.String())
}

// canary is in every password of the suite, so that one that leaks is found.
const canary = "cAnArY7"

func canaryPassword(string) string { return canary + rand.Text() }
