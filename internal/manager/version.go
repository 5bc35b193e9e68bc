package manager

import "runtime/debug"

// Version of the program; the build sets it with -ldflags.
var Version = ""

// VersionOrRevision returns Version or, in a build that did not set it, the
// revision that the Go toolchain noted.
func VersionOrRevision() string {
	if Version != "" {
		return Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return "devel-" + setting.Value
		}
	}
	return "devel"
}
