package tailscale

import (
	"context"
	"io"
	"runtime"
	"strings"

	"github.com/tazzo/rebirth/test/controlplane"
)

func program(name string) controlplane.Program {
	return controlplane.Program{
		Name:    name,
		Tools:   "tailscale",
		Module:  "tailscale.com",
		Package: "tailscale.com/cmd/" + name,
		LDFlags: stamp,
	}
}

// stamp is the version as the Talos extension's own build stamps it.
func stamp(version string) string {
	version = strings.TrimPrefix(version, "v")
	return "-X tailscale.com/version.shortStamp=" + version + " -X tailscale.com/version.longStamp=" + version
}

// programs are the executables that a node runs.
type programs struct{ containerboot, tailscaled, tailscale string }

func build(ctx context.Context, progress io.Writer) (built programs, err error) {
	if built.containerboot, err = controlplane.Build(ctx, program("containerboot"), progress); err != nil {
		return programs{}, err
	}
	if built.tailscaled, err = controlplane.Build(ctx, program("tailscaled"), progress); err != nil {
		return programs{}, err
	}
	built.tailscale, err = controlplane.Build(ctx, program("tailscale"), progress)
	return built, err
}

// Prepare builds containerboot, tailscaled and tailscale unless they were built
// before, and says so on progress (which may be nil). Start does the same. Where
// there is no containerboot, which is everywhere but on Linux, it does nothing.
func Prepare(ctx context.Context, progress io.Writer) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	_, err := build(ctx, progress)
	return err
}
