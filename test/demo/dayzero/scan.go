package dayzero

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tazzo/rebirth/test/demo/show"
)

// secretsAreHidden looks for the auth key, and for what bootstrap was given to read, in
// every file that anybody has written in the data centre, in what bootstrap has
// printed, and in what the demo has shown.
func (a *Act) secretsAreHidden(shown string) (show.Check, error) {
	files, err := filesBelow(a.centre.Dir())
	if err != nil {
		return show.Check{}, err
	}
	where := fmt.Sprintf("in %d files (the nodes' disks, Headscale's database) and bootstrap's output", len(files))
	files["what bootstrap has printed"] = []byte(a.centre.Output())
	files["this output"] = []byte(shown)
	others := append(a.centre.Secrets(), a.stage.Plane.AdminConfig().BearerToken)
	return hidden(a.centre.AuthKeys(), others, files, where), nil
}

// filesBelow are the contents of a folder's files. Sockets and the like have none.
func filesBelow(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // a temporary file, gone since it was listed
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			files[path] = content
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	return files, err
}

// hidden holds if there were auth keys, and neither they nor other secrets are anywhere.
func hidden(authKeys, others []string, files map[string][]byte, where string) show.Check {
	if len(authKeys) == 0 {
		return show.Check{Text: "there was no auth key to look for"}
	}
	var found []string
	for name, content := range files {
		for _, secret := range slices.Concat(authKeys, others) {
			if bytes.Contains(content, []byte(secret)) {
				found = append(found, name)
				break
			}
		}
	}
	if len(found) > 0 {
		slices.Sort(found)
		return show.Check{Text: "a secret appears in " + strings.Join(found, ", ")}
	}
	return show.Check{OK: true, Text: "the auth key, the APIs' and the Git credential are nowhere " + where}
}

// devicesAreNamed asks Headscale once more, at the end.
func (a *Act) devicesAreNamed(ctx context.Context) (show.Check, error) {
	devices, err := a.centre.Headscale.Devices(ctx)
	if err != nil {
		return show.Check{}, err
	}
	var names []string
	for _, device := range devices {
		if isNode(device) {
			names = append(names, device.Hostname)
		}
	}
	slices.Sort(names)
	text := fmt.Sprintf("the tailnet has %d devices; as they have to be: %s", len(devices), strings.Join(names, ", "))
	return show.Check{OK: len(devices) == nodes && slices.Equal(names, nodeNames[:]), Text: text}, nil
}
