package proxmox

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// Formats of PVE::JSONSchema and qemu-server.
var (
	nodeShape    = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`)
	storageShape = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9\-_.]*[a-zA-Z0-9]$`)
	vmidShape    = regexp.MustCompile(`^[1-9][0-9]{2,8}$`)
	macShape     = regexp.MustCompile(`(?i)^[a-f0-9][02468ace](:[a-f0-9]{2}){5}$`)
	dnsShape     = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`)
	tagShape     = regexp.MustCompile(`(?i)^[a-z0-9_][a-z0-9_\-+.]*$`)
	bridgeShape  = regexp.MustCompile(`^[-_.\w\d]+$`)
	volumeShape  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9\-_.]*[a-zA-Z0-9]:[^\s]+$`)
)

func shape(pattern *regexp.Regexp, otherwise string) func(string) error {
	return func(value string) error {
		if !pattern.MatchString(value) {
			return fmt.Errorf("%s", otherwise)
		}
		return nil
	}
}

var (
	isNode   = shape(nodeShape, "value does not look like a valid node name")
	isStore  = shape(storageShape, "storage ID contains illegal characters")
	isVMID   = shape(vmidShape, "value does not look like a valid VM ID")
	isMAC    = shape(macShape, "value does not look like a valid unicast MAC address")
	isDNS    = shape(dnsShape, "value does not look like a valid DNS name")
	isBridge = shape(bridgeShape, "invalid bridge ID")
	isVolume = shape(volumeShape, "unable to parse volume ID")
)

func isTags(value string) error {
	for _, tag := range splitTags(value) {
		if !tagShape.MatchString(tag) {
			return fmt.Errorf("invalid characters in tag")
		}
	}
	return nil
}

func splitTags(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
}

// isAddresses is a list of addresses or names.
func isAddresses(value string) error {
	for _, address := range splitTags(value) {
		if _, err := netip.ParseAddr(address); err != nil && !dnsShape.MatchString(address) {
			return fmt.Errorf("value does not look like a valid address: %s", address)
		}
	}
	return nil
}

func isAddress(want4 bool) func(string) error {
	return func(value string) error {
		if address, err := netip.ParseAddr(value); err != nil || address.Is4() != want4 {
			return fmt.Errorf("value does not look like a valid IPv%s address", version(want4))
		}
		return nil
	}
}

// isNetwork is an address with its prefix length, or "dhcp".
func isNetwork(want4 bool) func(string) error {
	return func(value string) error {
		if prefix, err := netip.ParsePrefix(value); value != "dhcp" && (err != nil || prefix.Addr().Is4() != want4) {
			return fmt.Errorf("value does not look like a valid ipv%s network configuration", version(want4))
		}
		return nil
	}
}

func version(is4 bool) string {
	if is4 {
		return "4"
	}
	return "6"
}

// isDiskFile is what a disk is: a volume, one to be made, or none.
func isDiskFile(value string) error {
	if value == "none" || value == "cdrom" || strings.HasPrefix(value, "/") {
		return nil
	}
	return isVolume(value)
}

var (
	flag     = property{kind: isBoolean}
	diskSize = property{kind: isString, pattern: whole(`\d+(\.\d+)?[KMGT]?`)}
	disk     = property{kind: isString, required: true, format: isDiskFile}

	scsiFormat = propertyString{defaultKey: "file", parts: schema{
		"file": disk, "import-from": {kind: isString, format: isDiskFile},
		"discard": {kind: isString, enum: []string{"ignore", "on"}},
		"cache":   {kind: isString, enum: []string{"none", "writethrough", "writeback", "unsafe", "directsync"}},
		"media":   {kind: isString, enum: []string{"cdrom", "disk"}},
		"size":    diskSize, "iothread": flag, "ssd": flag, "backup": flag, "replicate": flag,
	}}
	ideFormat = propertyString{defaultKey: "file", parts: schema{
		"file": disk, "media": {kind: isString, enum: []string{"cdrom", "disk"}}, "size": diskSize,
	}}
	netFormat = propertyString{
		defaultKey: "model", alias: "macaddr", keyAlias: "model", aliases: []string{"virtio", "e1000", "e1000e", "rtl8139", "vmxnet3"},
		parts: schema{
			"macaddr": {kind: isString, format: isMAC},
			"model":   {kind: isString, required: true, enum: []string{"virtio", "e1000", "e1000e", "rtl8139", "vmxnet3"}},
			"bridge":  {kind: isString, format: isBridge}, "firewall": flag, "link_down": flag,
			"tag": {kind: isInteger, min: 1, max: 4094}, "mtu": {kind: isInteger, min: 1, max: 65520},
		},
	}
	ipconfigFormat = propertyString{parts: schema{
		"ip": {kind: isString, format: isNetwork(true)}, "gw": {kind: isString, format: isAddress(true), requires: "ip"},
		"ip6": {kind: isString, format: isNetwork(false)}, "gw6": {kind: isString, format: isAddress(false), requires: "ip6"},
	}}
	agentFormat = propertyString{defaultKey: "enabled", parts: schema{
		"enabled": {kind: isBoolean, required: true}, "fstrim_cloned_disks": flag, "type": {kind: isString, enum: []string{"virtio", "isa"}},
	}}
	bootFormat = propertyString{defaultKey: "legacy", parts: schema{
		"legacy": {kind: isString, pattern: whole(`[acdn]{1,4}`)}, "order": {kind: isString, pattern: whole(`[a-z]+\d+(;[a-z]+\d+)*`)},
	}}
	cpuFormat = propertyString{defaultKey: "cputype", parts: schema{
		"cputype": {kind: isString, enum: []string{"host", "kvm64", "max", "qemu64", "x86-64-v2", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4"}},
		"flags":   {kind: isString},
	}}
)
