package show

import (
	"io"
	"os"

	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"
)

// OpenView takes the live view on a terminal, and plain lines elsewhere. out is for
// what is written once the view is closed.
func OpenView(file *os.File, noColor bool) (out io.Writer, view View) {
	profile := colorprofile.Detect(file, os.Environ())
	if noColor && profile > colorprofile.ASCII {
		profile = colorprofile.ASCII
	}
	out = &colorprofile.Writer{Forward: file, Profile: profile}
	if term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		return out, newLive(file, profile)
	}
	return out, plain{out: file}
}
