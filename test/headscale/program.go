package headscale

import (
	"context"
	"io"

	"github.com/tazzo/rebirth/test/controlplane"
)

var program = controlplane.Program{
	Name:    "headscale",
	Tools:   "headscale",
	Module:  "github.com/juanfont/headscale",
	Package: "github.com/juanfont/headscale/cmd/headscale",
}

// Prepare builds Headscale unless it was built before, and says so on progress
// (which may be nil). Start does the same.
func Prepare(ctx context.Context, progress io.Writer) error {
	_, err := controlplane.Build(ctx, program, progress)
	return err
}
