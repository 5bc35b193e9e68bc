package spec

import (
	"cmp"
	"fmt"
	"slices"
)

// check finds what only several fields together tell. Each check leaves alone what
// is missing or wrong by itself, for that is reported already.
func (d *document) check(c *Cluster) {
	for _, check := range []func(*document, *Cluster){
		checkProxmox,
		checkImage,
		checkExtensions,
		checkRoles,
		checkMachines,
		checkUniqueness,
		checkGateways,
		checkAddresses,
		checkVersions,
		checkEndpoint,
		checkPatches,
		checkEncryption,
		checkTailnet,
		checkSources,
		checkHandOver,
		checkTimeouts,
	} {
		check(d, c)
	}
}

// identity is something that may be there once: a name, an address, a number.
type identity struct {
	at    path
	value string
}

// unique reports every identity that was there before, at its second place.
func (d *document) unique(what string, identities []identity) {
	first := map[string]path{}
	for _, one := range identities {
		before, again := first[one.value]
		switch {
		case one.value == "":
		case again:
			d.fail(one.at, "is %s %s, which %s has already", what, one.value, d.where(before))
		default:
			first[one.value] = one.at
		}
	}
}

// exactlyOne reports if none or more than one of the fields of a place is given.
func (d *document) exactlyOne(at path, names ...string) {
	given := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !d.has(at.at(name)) })
	switch {
	case len(given) == 0:
		d.fail(at, "needs %s or %s", names[0], names[1])
	case len(given) > 1:
		d.fail(at.at(given[1]), "can't be together with %s: leave one of them out", given[0])
	}
}

// field is where a node's field is given: of its own or, if it has none, for all.
func (d *document) field(node int, name string) path {
	if own := (path{"nodes", node, name}); d.has(own) {
		return own
	}
	return path{"nodeDefaults", name}
}

func nodeLabel(c *Cluster, i int) string {
	return cmp.Or(c.Nodes[i].Name, fmt.Sprintf("nodes[%d]", i))
}

// placedSource is a secret's source and the field that it is given in.
type placedSource struct {
	Source
	at path
}

// sources are all of the file, sorted by their fields.
func (c *Cluster) sources() []placedSource {
	var found []placedSource
	add := func(source *Source, at ...any) {
		if source != nil {
			found = append(found, placedSource{Source: *source, at: at})
		}
	}
	add(&c.Proxmox.Token, "proxmox", "token")
	add(c.Talos.Secrets, "talos", "secrets")
	add(c.Talos.ServiceAccountKey, "talos", "serviceAccountKey")
	if c.Tailnet != nil && c.Tailnet.Tailscale != nil {
		add(c.Tailnet.Tailscale.APIToken, "tailnet", "tailscale", "apiToken")
		if c.Tailnet.Tailscale.OAuth != nil {
			add(&c.Tailnet.Tailscale.OAuth.ClientSecret, "tailnet", "tailscale", "oauth", "clientSecret")
		}
	}
	if c.Tailnet != nil && c.Tailnet.Headscale != nil {
		add(&c.Tailnet.Headscale.APIKey, "tailnet", "headscale", "apiKey")
	}
	if c.HandOver.Secret != nil {
		for key, source := range c.HandOver.Secret.Data {
			add(&source, "handOver", "secret", "data", key)
		}
	}
	slices.SortFunc(found, func(a, b placedSource) int { return cmp.Compare(a.at.String(), b.at.String()) })
	return found
}
