package proxmox

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// text is a value of an answer as text. Proxmox writes one and the same number now
// as a number, now as a string.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(s)
		return nil
	}
	*t = text(data)
	return nil
}

// isTrue says whether a boolean of Proxmox is set.
func (t text) isTrue() bool { return t == "1" || t == "true" }

// listed is a machine or container in the list of the cluster. The list is drawn
// from what hosts send every ten seconds: only number, host, type and tags are of now.
type listed struct {
	ID   int    `json:"vmid"`
	Host string `json:"node"`
	Type string `json:"type"`
	Name string `json:"name"`
	Tags string `json:"tags"`
}

// isVM is false for a container.
func (r listed) isVM() bool { return r.Type == "qemu" }

func (r listed) tags() []string { return splitTags(r.Tags) }

// config is a machine's configuration.
type config map[string]text

// vm is the machine as its configuration and status show it.
func (c config) vm(r listed, status string) inventory.VM {
	return inventory.VM{
		ID:          r.ID,
		Host:        r.Host,
		Name:        string(c["name"]),
		Running:     status == "running",
		Tags:        splitTags(string(c["tags"])),
		Description: string(c["description"]),
		UUID:        smbiosUUID(string(c["smbios1"])),
		MAC:         netMAC(string(c["net0"])),
		Cores:       atLeastOne(c["cores"]) * atLeastOne(c["sockets"]),
		MemoryMiB:   memoryMiB(string(c["memory"])),
		Protected:   c["protection"].isTrue(),
		Template:    c["template"].isTrue(),
		Lock:        string(c["lock"]),
	}
}

// containerVM is a container: nobody's machine, in the way of one with its number.
func containerVM(r listed) inventory.VM {
	return inventory.VM{ID: r.ID, Host: r.Host, Name: r.Name, Tags: r.tags()}
}

// splitTags takes all separators that Proxmox takes.
func splitTags(tags string) []string {
	return strings.FieldsFunc(tags, func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
}

// property of a string such as "virtio=BC:24:11:2E:C5:4A,bridge=vmbr0".
func property(value, key string) string {
	for part := range strings.SplitSeq(value, ",") {
		if k, v, found := strings.Cut(part, "="); found && k == key {
			return v
		}
	}
	return ""
}

func smbiosUUID(smbios1 string) string { return strings.ToLower(property(smbios1, "uuid")) }

// netMAC is the address behind the card's model, whichever it is, or behind macaddr.
func netMAC(net string) string {
	if mac := property(net, "macaddr"); mac != "" {
		return strings.ToUpper(mac)
	}
	first, _, _ := strings.Cut(net, ",")
	_, mac, _ := strings.Cut(first, "=")
	return strings.ToUpper(mac)
}

// memoryMiB reads "4096" as well as "current=4096"; 512 is Proxmox's default.
func memoryMiB(memory string) int {
	if current := property(memory, "current"); current != "" {
		memory = current
	}
	n, err := strconv.Atoi(memory)
	if err != nil {
		return 512
	}
	return n
}

func atLeastOne(t text) int {
	n, err := strconv.Atoi(string(t))
	if err != nil {
		return 1
	}
	return n
}
