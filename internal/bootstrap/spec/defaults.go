package spec

import (
	"cmp"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	defaultFactory           = "https://factory.talos.dev"
	defaultTailnet           = "-"
	defaultTailscaleEndpoint = "https://api.tailscale.com"
	defaultPattern           = "{cluster}-{role}-{ordinal}"
	defaultSecretType        = "Opaque"
)

// setDefaults fills in what the file leaves out, once and for all.
func setDefaults(c *Cluster) {
	setDefault(&c.Image.Factory, defaultFactory)
	if c.Tailnet != nil {
		setDefault(&c.Tailnet.HostnamePattern, defaultPattern)
		if tailscale := c.Tailnet.Tailscale; tailscale != nil {
			setDefault(&tailscale.Tailnet, defaultTailnet)
			setDefault(&tailscale.Endpoint, defaultTailscaleEndpoint)
		}
	}
	if c.HandOver.Secret != nil {
		setDefault(&c.HandOver.Secret.Type, defaultSecretType)
	}
	for i := range c.Nodes {
		inherit(&c.Nodes[i].NodeDefaults, c.NodeDefaults)
		c.Nodes[i].MAC = strings.ToUpper(c.Nodes[i].MAC)
	}
	c.NodeDefaults = NodeDefaults{}
	nameNodes(c)
	c.Timeouts.setDefaults()
}

func setDefault[T comparable](field *T, value T) { *field = cmp.Or(*field, value) }

// inherit gives a node what it doesn't say itself.
func inherit(own *NodeDefaults, all NodeDefaults) {
	setDefault(&own.Host, all.Host)
	setDefault(&own.Cores, all.Cores)
	setDefault(&own.Bridge, all.Bridge)
	setDefault(&own.VLAN, all.VLAN)
	setDefault(&own.Gateway, all.Gateway)
	if own.Memory.IsZero() {
		own.Memory = all.Memory.DeepCopy()
	}
	if own.Disks == nil {
		own.Disks = append(own.Disks, all.Disks...)
	}
	if own.Nameservers == nil {
		own.Nameservers = append(own.Nameservers, all.Nameservers...)
	}
}

// nameNodes names the nodes that have no name after the pattern. Without the
// cluster's name or a role, which are missed elsewhere, a node keeps none.
func nameNodes(c *Cluster) {
	pattern := defaultPattern
	if c.Tailnet != nil {
		pattern = c.Tailnet.HostnamePattern
	}
	ordinals := map[Role]int{}
	for i := range c.Nodes {
		node := &c.Nodes[i]
		ordinals[node.Role]++
		if node.Name != "" || c.Metadata.Name == "" || node.Role == "" {
			continue
		}
		node.Name = strings.NewReplacer(
			"{cluster}", c.Metadata.Name, "{role}", string(node.Role), "{ordinal}", strconv.Itoa(ordinals[node.Role]),
		).Replace(pattern)
	}
}

var (
	placeholder = regexp.MustCompile(`\{(cluster|role|ordinal)\}`)
	patternText = regexp.MustCompile(`^[a-z0-9-]*$`)
)

func checkPattern(text string) error {
	switch {
	case !patternText.MatchString(placeholder.ReplaceAllString(text, "")):
		return errors.New("is no pattern of names: beside {cluster}, {role} and {ordinal} it is of lower-case letters, digits and hyphens")
	case !strings.Contains(text, "{ordinal}"):
		return errors.New("has no {ordinal}: all nodes would have one name")
	}
	return nil
}

func (t *Timeouts) setDefaults() {
	for _, timeout := range []struct {
		field *Duration
		value time.Duration
	}{
		{&t.Preflight, time.Minute},
		{&t.Image, 15 * time.Minute},
		{&t.Machine, 10 * time.Minute},
		{&t.Maintenance, 5 * time.Minute},
		{&t.Configure, 10 * time.Minute},
		{&t.Bootstrap, 5 * time.Minute},
		{&t.Health, 10 * time.Minute},
		{&t.Join, 5 * time.Minute},
		{&t.HandOver, 2 * time.Minute},
		{&t.Destroy, 5 * time.Minute},
	} {
		setDefault(&timeout.field.Duration, timeout.value)
	}
}
