package proxmox

import (
	"fmt"
	"regexp"
	"strings"
)

// option of a machine, and the privilege that it takes to set it. Disks have none:
// what they take depends on what they are.
type option struct {
	property
	privileges []string // one is enough
}

func needs(p property, privileges ...string) option { return option{p, privileges} }

// formatted is a string of that format.
func formatted(f func(string) error) property { return property{kind: isString, format: f} }

// oneOf some values.
func oneOf(values ...string) property { return property{kind: isString, enum: values} }

// options are those that bootstrap sets, of many more.
var options = withIndexed(map[string]option{
	"agent":       needs(formatted(agentFormat.check), "VM.Config.Options"),
	"boot":        needs(formatted(bootFormat.check), "VM.Config.Disk"),
	"cores":       needs(property{kind: isInteger, min: 1, max: 512}, "VM.Config.CPU"),
	"cpu":         needs(formatted(cpuFormat.check), "VM.Config.CPU"),
	"description": needs(property{kind: isString, maxLength: 8 << 10}, "VM.Config.Options"),
	"machine":     needs(property{kind: isString, pattern: whole(`(pc|q35|pc(-i440fx|-q35)-\d+(\.\d+)+)`)}, "VM.Config.HWType"),
	"memory":      needs(property{kind: isInteger, min: 16, max: 1 << 30}, "VM.Config.Memory"),
	"name":        needs(formatted(isDNS), "VM.Config.Options"),
	"nameserver":  needs(formatted(isAddresses), "VM.Config.Cloudinit", "VM.Config.Network"),
	"onboot":      needs(flag, "VM.Config.Options"),
	"ostype":      needs(oneOf("other", "l24", "l26", "win11"), "VM.Config.Options"),
	"protection":  needs(flag, "VM.Config.Options"),
	"scsihw":      needs(oneOf("lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi"), "VM.Config.HWType"),
	"tags":        needs(formatted(isTags), "VM.Config.Options"),
})

func withIndexed(all map[string]option) map[string]option {
	indexed := func(name string, count int, o option) {
		for i := range count {
			all[fmt.Sprintf("%s%d", name, i)] = o
		}
	}
	indexed("scsi", 31, needs(formatted(scsiFormat.check)))
	indexed("ide", 4, needs(formatted(ideFormat.check)))
	indexed("net", 32, needs(formatted(netFormat.check), "VM.Config.Network"))
	indexed("ipconfig", 32, needs(formatted(ipconfigFormat.check), "VM.Config.Cloudinit", "VM.Config.Network"))
	indexed("serial", 4, needs(property{kind: isString, pattern: whole(`/dev/[^,]+|socket`)}, "VM.Config.HWType"))
	return all
}

// with are the parameters of a call that takes a machine's options.
func (s schema) with(options map[string]option) schema {
	all := schema{}
	for name, p := range s {
		all[name] = p
	}
	for name, o := range options {
		all[name] = o.property
	}
	return all
}

var driveShape = regexp.MustCompile(`^(scsi|ide)\d+$`)

func isDrive(name string) bool { return driveShape.MatchString(name) }

// driveFormat is that of the drive's kind.
func driveFormat(name string) propertyString {
	if strings.HasPrefix(name, "scsi") {
		return scsiFormat
	}
	return ideFormat
}
