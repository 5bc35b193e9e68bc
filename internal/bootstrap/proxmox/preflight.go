package proxmox

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// minVersion brought disk images to storages of content "import"
// (libpve-storage-perl 8.3.6, April 2025).
const minVersion = "8.4"

// Needs is what a plan will ask Proxmox for.
type Needs struct {
	// Machines that will be made, and replaced where they are there.
	Machines []Machine
	// Downloads are the images that will be downloaded.
	Downloads []inventory.Image
	// Destroy are the ids of machines that will only be stopped and removed.
	Destroy []int
}

// Preflight looks whether Proxmox is able and willing to give what is needed, and
// changes nothing. All that stands in the way is returned at once; only where the
// API can't be asked, that alone.
func (c *Client) Preflight(ctx context.Context, needs Needs) []error {
	var version struct {
		Version string `json:"version"`
	}
	if err := c.call(ctx, http.MethodGet, path("version"), nil, &version); err != nil {
		return []error{err}
	}
	if err := checkVersion(version.Version); err != nil {
		return []error{err}
	}
	sights, err := c.look(ctx, needs.hosts())
	if err != nil {
		return []error{err}
	}
	wanted := needs.privileges(sights)
	held, err := c.held(ctx, wanted)
	if err != nil {
		return []error{err}
	}
	return append(wanted.missing(c.tokenName, held), needs.lacking(sights, wanted, held)...)
}

// checkVersion reads versions such as 8.4.1 and 9.0.0~11.
func checkVersion(version string) error {
	if semver.Compare("v"+strings.ReplaceAll(version, "~", "-"), "v"+minVersion) < 0 {
		return &Error{Kind: Failed, Message: fmt.Sprintf("Proxmox VE is %q: to import an image takes %s or newer", version, minVersion)}
	}
	return nil
}

func (n Needs) hosts() []string {
	var hosts []string
	for _, m := range n.Machines {
		hosts = append(hosts, m.Node.Host)
	}
	for _, image := range n.Downloads {
		hosts = append(hosts, image.Host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// lacking is what isn't there, or not as it is needed. What the token can't see for
// want of a privilege is not said to be missing.
func (n Needs) lacking(sights map[string]*sight, wanted, held privileges) []error {
	var p problems
	for _, host := range n.hosts() {
		switch s := sights[host]; {
		case s == nil:
			p.add("host %s does not exist", host)
		case !s.online:
			p.add("host %s is not online", host)
		}
	}
	storage := func(host, name, content, what string) {
		s := sights[host]
		if s == nil || !s.online || (s.storages[name].Name == "" && len(wanted.without(held, storageACL(name))) > 0) {
			return
		}
		p.storage(s.storages[name], host, name, content, what)
	}
	for _, m := range n.Machines {
		for _, disk := range m.Node.Disks {
			storage(m.Node.Host, disk.Storage, "images", "a disk")
		}
		storage(m.Node.Host, m.Image.Storage, "import", "the image")
		p.bridge(sights[m.Node.Host], m, wanted, held)
	}
	for _, image := range n.Downloads {
		storage(image.Host, image.Storage, "import", "the image")
	}
	return p.errors
}

// problems are told once each.
type problems struct{ errors []error }

func (p *problems) add(format string, args ...any) {
	err := &Error{Kind: NotFound, Message: fmt.Sprintf(format, args...)}
	if !slices.ContainsFunc(p.errors, func(e error) bool { return e.Error() == err.Error() }) {
		p.errors = append(p.errors, err)
	}
}

func (p *problems) storage(s storage, host, name, content, what string) {
	switch {
	case s.Name == "":
		p.add("storage %s does not exist", name)
	case !s.Enabled.isTrue():
		p.add("storage %s is disabled, or not meant for host %s (pvesm set %s --disable 0 --nodes HOSTS)", name, host, name)
	case !s.Active.isTrue():
		p.add("storage %s is not active on host %s: is its disk or its server there? (pvesm status)", name, host)
	case !s.holds(content):
		p.add("storage %s takes %s, and for %s it must take %s (pvesm set %s --content %s,%s)", name, s.Content, what, content, name, s.Content, content)
	}
}

func (p *problems) bridge(s *sight, m Machine, wanted, held privileges) {
	if s == nil || !s.online || s.bridges[m.Node.Bridge].Name != "" ||
		len(wanted.without(held, bridgeACL(m.Node.Bridge, m.Node.VLAN))) > 0 {
		return
	}
	p.add("bridge %s does not exist on host %s", m.Node.Bridge, m.Node.Host)
}
