package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The sections that tell users how to install the two charts, and where they have
// them clone this repository to.
var (
	installGate       = section{"docs/readiness-gate.md", "## Install through Flux"}
	installSecretSync = section{"docs/installation.md", "## Install"}
)

const clone = "/tmp/rebirth"

// section is a part of a page of this project's documentation.
type section struct{ page, heading string }

// lines of the section below its heading.
func (s section) lines(root string) ([]string, error) {
	content, err := os.ReadFile(filepath.Join(root, s.page))
	if err != nil {
		return nil, err
	}
	_, below, found := strings.Cut(string(content), "\n"+s.heading+"\n")
	if !found {
		return nil, fmt.Errorf("%s has no section %q", s.page, s.heading)
	}
	text, _, _ := strings.Cut(below, "\n## ")
	return strings.Split(text, "\n"), nil
}

// follow types the section's commands that copy files, in the folder.
func (s section) follow(ctx context.Context, root, dir string) error {
	lines, err := s.lines(root)
	if err != nil {
		return err
	}
	var script strings.Builder
	for _, line := range lines {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "mkdir ") || strings.HasPrefix(line, "cp ") {
			script.WriteString(strings.ReplaceAll(line, clone, root) + "\n")
		}
	}
	if !strings.Contains(script.String(), root) {
		return fmt.Errorf("%s, %q: no command copies anything from %s", s.page, s.heading, clone)
	}
	command := exec.CommandContext(ctx, "sh", "-e", "-c", script.String())
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s, %q: %w\n%s%s", s.page, s.heading, err, script.String(), out)
	}
	return nil
}

// manifest is the first one that the section prints.
func (s section) manifest(root string) ([]byte, error) {
	lines, err := s.lines(root)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	indent := ""
	for _, line := range lines {
		switch {
		case out.Len() == 0 && strings.HasPrefix(strings.TrimSpace(line), "apiVersion: "):
			indent = line[:strings.Index(line, "apiVersion")]
		case out.Len() == 0:
			continue
		case !strings.HasPrefix(line, indent):
			return []byte(out.String()), nil
		}
		out.WriteString(strings.TrimPrefix(line, indent) + "\n")
	}
	return nil, fmt.Errorf("%s, %q prints no manifest", s.page, s.heading)
}
