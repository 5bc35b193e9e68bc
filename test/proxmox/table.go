package proxmox

import "strings"

// endpoint is a call that the fake knows.
type endpoint struct {
	method string
	path   string // with {variables}
	params schema // the variables among them
	// task is the type of the one that it starts; empty: none.
	task string
	// allowed says whether the token may call it; nil: everybody may.
	allowed func(*call) *failure
	serve   func(*Server, *call) (any, *failure)
}

var (
	ofNode    = property{kind: isString, required: true, format: isNode}
	ofVM      = property{kind: isInteger, required: true, format: isVMID, min: 100, max: 999_999_999}
	ofStorage = property{kind: isString, required: true, format: isStore}
	ofTask    = property{kind: isString, required: true}
	digest    = property{kind: isString, maxLength: 40}
)

// table is all that bootstrap calls, as Proxmox declares it.
var table = []endpoint{
	{method: "GET", path: "/version", serve: (*Server).version},
	{method: "GET", path: "/access/permissions", serve: (*Server).permissions, params: schema{
		"path": {kind: isString, pattern: whole(`/[A-Za-z0-9._\-/]*`)},
	}},
	{method: "GET", path: "/cluster/resources", serve: (*Server).resources, params: schema{
		"type": oneOf("vm", "storage", "node", "sdn"),
	}},
	{method: "GET", path: "/nodes", serve: (*Server).nodes},
	{method: "GET", path: "/nodes/{node}/network", serve: (*Server).networks, params: schema{
		"node": ofNode, "type": oneOf("bridge", "bond", "eth", "alias", "vlan", "OVSBridge", "any_bridge", "any_local_bridge", "include_sdn"),
	}},
	{method: "GET", path: "/nodes/{node}/storage", serve: (*Server).storages, params: schema{
		"node": ofNode, "storage": formatted(isStore), "content": {kind: isString}, "enabled": flag,
	}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/content", serve: (*Server).content, params: schema{
		"node": ofNode, "storage": ofStorage, "content": {kind: isString}, "vmid": {kind: isInteger, format: isVMID},
	}, allowed: func(c *call) *failure {
		return c.token.checkAny("/storage/"+c.vars["storage"], "Datastore.Audit", "Datastore.AllocateSpace")
	}},
	{method: "POST", path: "/nodes/{node}/storage/{storage}/download-url", task: "download", serve: (*Server).download, params: schema{
		"node": ofNode, "storage": ofStorage,
		"url":                 {kind: isString, required: true, pattern: whole(`https?://.*`)},
		"content":             {kind: isString, required: true, enum: []string{"iso", "vztmpl", "import"}},
		"filename":            {kind: isString, required: true, maxLength: 255},
		"checksum":            {kind: isString, requires: "checksum-algorithm"},
		"checksum-algorithm":  {kind: isString, requires: "checksum", enum: []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}},
		"verify-certificates": flag,
	}, allowed: mayDownload},

	{method: "POST", path: "/nodes/{node}/qemu", task: "qmcreate", serve: (*Server).create, params: schema{
		"node": ofNode, "vmid": ofVM, "start": flag, "storage": formatted(isStore),
	}.with(options)},
	{method: "DELETE", path: "/nodes/{node}/qemu/{vmid}", task: "qmdestroy", serve: (*Server).destroy, params: schema{
		"node": ofNode, "vmid": ofVM, "purge": flag, "destroy-unreferenced-disks": flag,
	}, allowed: onVM("VM.Allocate")},
	{method: "GET", path: "/nodes/{node}/qemu/{vmid}/config", serve: (*Server).config, params: schema{
		"node": ofNode, "vmid": ofVM, "current": flag,
	}, allowed: onVM("VM.Audit")},
	{method: "POST", path: "/nodes/{node}/qemu/{vmid}/config", task: "qmconfig", serve: (*Server).updateLater, params: schema{
		"node": ofNode, "vmid": ofVM, "digest": digest, "background_delay": {kind: isInteger, min: 1, max: 30},
	}.with(options), allowed: mayConfigure},
	{method: "PUT", path: "/nodes/{node}/qemu/{vmid}/config", serve: (*Server).updateNow, params: schema{
		"node": ofNode, "vmid": ofVM, "digest": digest,
	}.with(options), allowed: mayConfigure},
	{method: "PUT", path: "/nodes/{node}/qemu/{vmid}/resize", task: "resize", serve: (*Server).resize, params: schema{
		"node": ofNode, "vmid": ofVM, "digest": digest,
		"disk": {kind: isString, required: true, pattern: driveShape},
		"size": {kind: isString, required: true, pattern: whole(`\+?\d+(\.\d+)?[KMGT]?`)},
	}, allowed: onVM("VM.Config.Disk")},
	{method: "GET", path: "/nodes/{node}/qemu/{vmid}/status/current", serve: (*Server).status, params: schema{
		"node": ofNode, "vmid": ofVM,
	}, allowed: onVM("VM.Audit")},
	{method: "POST", path: "/nodes/{node}/qemu/{vmid}/status/start", task: "qmstart", serve: (*Server).start, params: schema{
		"node": ofNode, "vmid": ofVM, "timeout": {kind: isInteger, max: 1 << 20},
	}, allowed: onVM("VM.PowerMgmt")},
	{method: "POST", path: "/nodes/{node}/qemu/{vmid}/status/stop", task: "qmstop", serve: (*Server).stop, params: schema{
		"node": ofNode, "vmid": ofVM, "timeout": {kind: isInteger, max: 1 << 20}, "overrule-shutdown": flag,
	}, allowed: onVM("VM.PowerMgmt")},

	{method: "GET", path: "/nodes/{node}/tasks/{upid}/status", serve: (*Server).taskStatus, params: schema{"node": ofNode, "upid": ofTask}},
	{method: "GET", path: "/nodes/{node}/tasks/{upid}/log", serve: (*Server).taskLog, params: schema{
		"node": ofNode, "upid": ofTask, "start": {kind: isInteger, max: 1 << 30}, "limit": {kind: isInteger, max: 1 << 30},
	}},
}

// onVM allows those with the privilege on the machine.
func onVM(privilege string) func(*call) *failure {
	return func(c *call) *failure { return c.token.check("/vms/"+c.vars["vmid"], privilege) }
}

// mayConfigure with any privilege to configure; which one it takes is looked at later.
func mayConfigure(c *call) *failure {
	return c.token.checkAny("/vms/"+c.vars["vmid"], "VM.Config.Disk", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Memory",
		"VM.Config.Network", "VM.Config.HWType", "VM.Config.Options", "VM.Config.Cloudinit")
}

func mayDownload(c *call) *failure {
	if fail := c.token.check("/storage/"+c.vars["storage"], "Datastore.AllocateTemplate"); fail != nil {
		return fail
	}
	if c.token.check("/", "Sys.Audit", "Sys.Modify") == nil || c.token.check("/nodes/"+c.vars["node"], "Sys.AccessNetwork") == nil {
		return nil
	}
	return bareDenied()
}

// find returns the endpoint of a call, and the variable parts of its path.
func find(method, path string) (*endpoint, map[string]string) {
	parts := strings.Split(path, "/")
	for i, e := range table {
		pattern := strings.Split(e.path, "/")
		if e.method != method || len(pattern) != len(parts) {
			continue
		}
		vars, matches := map[string]string{}, true
		for j, part := range pattern {
			if name, variable := strings.CutPrefix(part, "{"); variable {
				vars[strings.TrimSuffix(name, "}")] = parts[j]
			} else if part != parts[j] {
				matches = false
			}
		}
		if matches {
			return &table[i], vars
		}
	}
	return nil, nil
}
