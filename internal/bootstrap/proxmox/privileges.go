package proxmox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What each call needs stands in the permissions of Proxmox' API methods, and for
// the options of a machine in PVE::API2::Qemu's check_vm_modify_config_perm.
var (
	destroyPrivileges = []string{"VM.Allocate", "VM.Audit", "VM.PowerMgmt"}
	createPrivileges  = append([]string{
		"VM.Config.CPU", "VM.Config.Disk", "VM.Config.HWType", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options",
	}, destroyPrivileges...)
)

// privileges are names by path.
type privileges map[string][]string

func (p privileges) add(path string, names ...string) {
	for _, name := range names {
		if !slices.Contains(p[path], name) {
			p[path] = append(p[path], name)
		}
	}
}

// without is what of p.[path] is not in held.
func (p privileges) without(held privileges, path string) []string {
	return slices.DeleteFunc(slices.Sorted(slices.Values(p[path])), func(name string) bool {
		return slices.Contains(held[path], name)
	})
}

func vmACL(id int) string           { return fmt.Sprintf("/vms/%d", id) }
func storageACL(name string) string { return "/storage/" + name }
func hostACL(name string) string    { return "/nodes/" + name }

// bridgeACL is the path of a host's bridge, and of a VLAN on it.
func bridgeACL(bridge string, vlan int) string {
	path := "/sdn/zones/localnetwork/" + bridge
	if vlan != 0 {
		path += fmt.Sprintf("/%d", vlan)
	}
	return path
}

// privileges that everything takes which is needed.
func (n Needs) privileges(sights map[string]*sight) privileges {
	p := privileges{}
	for _, id := range n.Destroy {
		p.add(vmACL(id), destroyPrivileges...)
	}
	for _, m := range n.Machines {
		p.add(vmACL(m.Node.VMID), createPrivileges...)
		for _, disk := range m.Node.Disks {
			p.add(storageACL(disk.Storage), "Datastore.AllocateSpace")
		}
		p.add(storageACL(m.Image.Storage), "Datastore.Audit")
		if !sights[m.Node.Host].isVirtual(m.Node.Bridge) {
			p.add(bridgeACL(m.Node.Bridge, m.Node.VLAN), "SDN.Use")
		}
	}
	for _, image := range n.Downloads {
		p.add(storageACL(image.Storage), "Datastore.AllocateTemplate", "Datastore.Audit")
		p.add(hostACL(image.Host), "Sys.AccessNetwork")
	}
	return p
}

// missing is what of p is not held, as errors: paths that lack the same are one.
func (p privileges) missing(token string, held privileges) []error {
	paths := map[string][]string{} // by what they lack
	for _, path := range slices.Sorted(maps.Keys(p)) {
		if lacking := strings.Join(p.without(held, path), ", "); lacking != "" {
			paths[lacking] = append(paths[lacking], path)
		}
	}
	var errs []error
	for _, lacking := range slices.Sorted(maps.Keys(paths)) {
		errs = append(errs, &Error{
			Kind: Denied, Path: strings.Join(paths[lacking], ", "), Privilege: lacking,
			Message: lacks(token, lacking, paths[lacking]...),
		})
	}
	return errs
}
