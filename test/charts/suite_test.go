// Package charts holds what is asked of both charts alike. What a chart's objects do
// stands in the specs that install it.
package charts_test

import (
	"context"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/controlplane"
)

func TestCharts(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "test/charts")
}

// values are a chart's.
type values = map[string]any

// render renders a chart of this repository with Helm, which checks the values
// against the chart's schema first.
func render(ctx context.Context, chart string, values values) (string, error) {
	GinkgoHelper()
	programs, err := controlplane.Prepare(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	rendered, err := programs.RenderChart(ctx, filepath.Join("..", "..", "charts", chart), chart, "rebirth", values)
	return string(rendered), err
}
