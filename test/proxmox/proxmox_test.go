package proxmox_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/proxmox"
)

func TestProxmox(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "a fake Proxmox")
}

const (
	tokenID = "bootstrap@pve!rebirth"
	secret  = "7a0c3e52-6b1e-4b9f-a5f3-0123456789ab"
	gib     = 1 << 30
)

// person asks the API as curl does.
type person struct {
	server *proxmox.Server
	client *http.Client
	token  string
}

// answer is what the API says.
type answer struct {
	Status  int               `json:"-"`
	Reason  string            `json:"-"`
	Data    any               `json:"data"`
	Message string            `json:"message"`
	Errors  map[string]string `json:"errors"`
}

func start(change func(*proxmox.Options)) *person {
	GinkgoHelper()
	options := proxmox.Options{
		Hosts:  []string{"pve1", "pve2"},
		Tokens: []proxmox.Token{{ID: tokenID, Secret: secret, Privileges: proxmox.LeastPrivileges("local", "local-lvm")}},
	}
	if change != nil {
		change(&options)
	}
	server, err := proxmox.Start(options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
	server.AddImage("pve1", "local", "talos.qcow2", 2*gib)
	roots := x509.NewCertPool()
	Expect(roots.AppendCertsFromPEM([]byte(server.CA()))).To(BeTrue())
	return &person{server, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, tokenID + "=" + secret}
}

func (p *person) ask(method, path string, params url.Values) answer {
	GinkgoHelper()
	address, body := p.server.Endpoint()+"/api2/json"+path, io.Reader(nil)
	if method == "POST" || method == "PUT" {
		body = strings.NewReader(params.Encode())
	} else if len(params) > 0 {
		address += "?" + params.Encode()
	}
	request, err := http.NewRequestWithContext(context.Background(), method, address, body)
	Expect(err).NotTo(HaveOccurred())
	if body != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if p.token != "" {
		request.Header.Set("Authorization", "PVEAPIToken="+p.token)
	}
	response, err := p.client.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	_, reason, _ := strings.Cut(response.Status, " ")
	a := answer{Status: response.StatusCode, Reason: reason}
	if len(content) > 0 {
		Expect(json.Unmarshal(content, &a)).To(Succeed(), string(content))
	}
	return a
}

// task waits for the one that the call starts and returns its exit status.
func (p *person) task(method, path string, params url.Values) string {
	GinkgoHelper()
	started := p.ask(method, path, params)
	Expect(started.Status).To(Equal(200), "%+v", started)
	var exit string
	Eventually(func() string {
		status := p.ask("GET", "/nodes/pve1/tasks/"+started.Data.(string)+"/status", nil).Data.(map[string]any)
		exit, _ = status["exitstatus"].(string)
		return status["status"].(string)
	}).WithTimeout(5 * time.Second).Should(Equal("stopped"))
	return exit
}

// whole is a machine with all that it needs, changed.
func whole(changes map[string]string) url.Values {
	params := url.Values{}
	all := map[string]string{"vmid": "9001", "name": "x", "scsi0": "local-lvm:0,import-from=local:import/talos.qcow2", "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0"}
	maps.Copy(all, changes)
	for name, value := range all {
		if value != "" {
			params.Set(name, value)
		}
	}
	return params
}

func form(pairs ...string) url.Values {
	params := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		params.Add(pairs[i], pairs[i+1])
	}
	return params
}

var _ = Describe("The API", func() {
	It("knows who asks", func() {
		p := start(nil)
		Expect(p.ask("GET", "/version", nil).Data).To(HaveKeyWithValue("version", "9.1.1"))
		p.token = ""
		Expect(p.ask("GET", "/version", nil)).To(And(HaveField("Status", 401), HaveField("Reason", "No ticket")))
		p.token = tokenID + "=wrong"
		Expect(p.ask("GET", "/version", nil)).To(And(HaveField("Status", 401), HaveField("Reason", "Authentication failed!")))
	})

	It("has no calls but those of its table", func() {
		p := start(nil)
		Expect(p.ask("GET", "/cluster/nextid", nil)).To(And(HaveField("Status", 501), HaveField("Reason", "Method 'GET /cluster/nextid' not implemented")))
	})

	It("says what a failure is in its status line and in its body", func() {
		p := start(nil)
		Expect(p.ask("GET", "/nodes/pve1/qemu/9001/config", nil)).To(Equal(answer{
			Status: 500, Reason: "Configuration file 'nodes/pve1/qemu-server/9001.conf' does not exist",
			Message: "Configuration file 'nodes/pve1/qemu-server/9001.conf' does not exist\n",
		}))
	})

	It("reaches only hosts that are there", func() {
		p := start(nil)
		p.server.SetOnline("pve2", false)
		Expect(p.ask("GET", "/nodes/pve2/qemu/9001/config", nil)).To(And(HaveField("Status", 595), HaveField("Reason", "No route to host")))
		Expect(p.ask("GET", "/nodes/pve9/qemu/9001/config", nil)).To(HaveField("Reason", HavePrefix("hostname lookup 'pve9' failed")))
	})

	It("takes parameters in the body of a POST, and in the query of a DELETE", func() {
		p := start(nil)
		p.server.AddVM("pve1", 9001, nil)
		request, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, p.server.Endpoint()+"/api2/json/nodes/pve1/qemu/9001", strings.NewReader("purge=1"))
		Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "PVEAPIToken="+p.token)
		response, err := p.client.Do(request)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Body.Close()).To(Succeed())
		Expect(response.Status).To(Equal("501 Unexpected content for method 'DELETE'"))
	})

	DescribeTable("refuses parameters", func(method, path string, params url.Values, name, text string) {
		p := start(func(o *proxmox.Options) {
			o.Tokens[0].Privileges["/storage/local"] = append(o.Tokens[0].Privileges["/storage/local"], "Datastore.AllocateSpace")
		})
		p.server.AddVM("pve1", 100, map[string]string{"name": "x"})
		a := p.ask(method, path, params)
		Expect(a.Status).To(Equal(400), "%+v", a)
		Expect(a.Reason).To(Equal("Parameter verification failed."))
		Expect(a.Errors).To(HaveKeyWithValue(name, ContainSubstring(text)))
		Expect(p.server.VMs()).To(HaveLen(1))
	},
		Entry("unknown ones", "POST", "/nodes/pve1/qemu", whole(map[string]string{"memroy": "1"}), "memroy", "property is not defined in schema and the schema does not allow additional properties"),
		Entry("unknown ones of a query", "GET", "/version", form("x", "1"), "x", "property is not defined in schema"),
		Entry("missing ones", "POST", "/nodes/pve1/qemu", whole(map[string]string{"vmid": ""}), "vmid", "property is missing and it is not optional"),
		Entry("a number that is none", "POST", "/nodes/pve1/qemu", whole(map[string]string{"cores": "four"}), "cores", "type check ('integer') failed - got 'four'"),
		Entry("a boolean that is none", "POST", "/nodes/pve1/qemu", whole(map[string]string{"onboot": "true"}), "onboot", "type check ('boolean') failed - got 'true'"),
		Entry("one given twice", "POST", "/nodes/pve1/qemu", form("vmid", "9001", "cores", "1", "cores", "2"), "cores", "got ARRAY"),
		Entry("another number than that of the path", "PUT", "/nodes/pve1/qemu/100/config", form("vmid", "101"), "vmid", "duplicate parameter (already defined in URI)"),
		Entry("a number below 100", "POST", "/nodes/pve1/qemu", whole(map[string]string{"vmid": "99"}), "vmid", "does not look like a valid VM ID"),
		Entry("a value out of a list", "POST", "/nodes/pve1/qemu", whole(map[string]string{"ostype": "beos"}), "ostype", "does not have a value in the enumeration 'other, l24, l26, win11'"),
		Entry("a multicast MAC", "POST", "/nodes/pve1/qemu", whole(map[string]string{"net0": "virtio=BD:24:11:00:00:01,bridge=vmbr0"}), "net0", "valid unicast MAC address"),
		Entry("a VLAN out of range", "POST", "/nodes/pve1/qemu", whole(map[string]string{"net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=4095"}), "net0", "tag: value must have a maximum value of 4094"),
		Entry("an unknown part of a value", "POST", "/nodes/pve1/qemu", whole(map[string]string{"scsi0": "local-lvm:0,import=x"}), "scsi0", "invalid key in comma-separated list property: import"),
		Entry("a part given twice", "POST", "/nodes/pve1/qemu", whole(map[string]string{"scsi0": "local-lvm:1,ssd=1,ssd=1"}), "scsi0", "duplicate key in comma-separated list property: ssd"),
		Entry("an address without its length", "POST", "/nodes/pve1/qemu", whole(map[string]string{"ipconfig0": "ip=192.168.1.71"}), "ipconfig0", "valid ipv4 network configuration"),
		Entry("a gateway without an address", "POST", "/nodes/pve1/qemu", whole(map[string]string{"ipconfig0": "gw=192.168.1.1"}), "ipconfig0", "missing property required by 'gw'"),
		Entry("an underscore in a name", "POST", "/nodes/pve1/qemu", whole(map[string]string{"name": "cp_1"}), "name", "valid DNS name"),
		Entry("a tag with a blank character", "POST", "/nodes/pve1/qemu", whole(map[string]string{"tags": "a=b"}), "tags", "invalid characters in tag"),
		Entry("a storage for images that takes none", "POST", "/nodes/pve1/qemu", whole(map[string]string{"scsi0": "local:1"}), "storage", "storage 'local' does not support vm images"),
		Entry("an import with a size", "POST", "/nodes/pve1/qemu", whole(map[string]string{"scsi0": "local-lvm:32,import-from=local:import/talos.qcow2"}), "scsi0", "'import-from' requires special syntax"),
		Entry("an import of something else", "POST", "/nodes/pve1/qemu", whole(map[string]string{"scsi0": "local-lvm:0,import-from=local:iso/talos.iso"}), "scsi0", "wrong type 'iso'"),
		Entry("a checksum without its algorithm", "POST", "/nodes/pve1/storage/local/download-url", form("url", "https://x/y", "content", "import", "filename", "y.qcow2", "checksum", "ab"), "checksum-algorithm", "missing property required by 'checksum'"),
		Entry("a file name that Proxmox can't import", "POST", "/nodes/pve1/storage/local/download-url", form("url", "https://x/y", "content", "import", "filename", "y.img"), "filename", "invalid filename or wrong extension"),
		Entry("a size that is none", "PUT", "/nodes/pve1/qemu/100/resize", form("disk", "scsi0", "size", "32Gi"), "size", "does not match the regex pattern"),
		Entry("a task that there isn't", "GET", "/nodes/pve1/tasks/UPID:pve1:00000001:00000001:00000001:qmstart:100:bootstrap@pve!rebirth:/status", nil, "upid", "no such task"),
	)

	DescribeTable("denies", func(privileges map[string][]string, method, path string, params url.Values, text string) {
		p := start(func(o *proxmox.Options) { o.Tokens[0].Privileges = privileges })
		p.server.AddVM("pve1", 100, nil)
		Expect(p.ask(method, path, params)).To(And(HaveField("Status", 403), HaveField("Reason", text)))
	},
		Entry("to make a machine", nil, "POST", "/nodes/pve1/qemu", whole(nil), "Permission check failed"),
		Entry("to make a disk", map[string][]string{"/vms": {"VM.Allocate"}}, "POST", "/nodes/pve1/qemu", whole(nil), "Permission check failed (/storage/local-lvm, Datastore.AllocateSpace)"),
		Entry("to use an image", map[string][]string{"/vms": {"VM.Allocate"}, "/storage/local-lvm": {"Datastore.AllocateSpace"}}, "POST", "/nodes/pve1/qemu", whole(nil), "Permission check failed (/storage/local, Datastore.AllocateSpace|Datastore.Audit)"),
		Entry("to set an option", map[string][]string{"/vms": {"VM.Allocate"}, "/storage": {"Datastore.AllocateSpace"}}, "POST", "/nodes/pve1/qemu", whole(nil), "Permission check failed (/vms/9001, VM.Config.Options)"),
		Entry("to use a bridge", map[string][]string{"/vms": {"VM.Allocate", "VM.Config.Network", "VM.Config.Options"}, "/storage": {"Datastore.AllocateSpace"}}, "POST", "/nodes/pve1/qemu", whole(nil), "Permission check failed (/sdn/zones/localnetwork/vmbr0, SDN.Use)"),
		Entry("what a deeper path takes away", map[string][]string{"/vms": {"VM.PowerMgmt"}, "/vms/100": {"VM.Audit"}}, "POST", "/nodes/pve1/qemu/100/status/start", nil, "Permission check failed (/vms/100, VM.PowerMgmt)"),
		Entry("to read", nil, "GET", "/nodes/pve1/qemu/100/config", nil, "Permission check failed (/vms/100, VM.Audit)"),
		Entry("to destroy", nil, "DELETE", "/nodes/pve1/qemu/100", nil, "Permission check failed (/vms/100, VM.Allocate)"),
		Entry("to download", map[string][]string{"/storage": {"Datastore.AllocateTemplate"}}, "POST", "/nodes/pve1/storage/local/download-url", form("url", "https://x/y", "content", "import", "filename", "y.qcow2"), "Permission check failed"),
	)

	It("shows what the token may see, and no more", func() {
		p := start(func(o *proxmox.Options) { o.Tokens[0].Privileges = map[string][]string{"/vms/100": {"VM.Audit"}} })
		p.server.AddVM("pve1", 100, nil)
		p.server.AddVM("pve1", 101, nil)
		Expect(p.ask("GET", "/cluster/resources", form("type", "vm")).Data).To(ConsistOf(HaveKeyWithValue("vmid", BeEquivalentTo(100))))
		Expect(p.ask("GET", "/nodes/pve1/storage", nil).Data).To(BeEmpty())
		Expect(p.ask("GET", "/nodes/pve1/network", nil).Data).To(BeEmpty())
		Expect(p.ask("GET", "/access/permissions", form("path", "/vms/100")).Data).To(Equal(map[string]any{"/vms/100": map[string]any{"VM.Audit": 1.0}}))
		Expect(p.ask("GET", "/access/permissions", form("path", "/vms/101")).Data).To(Equal(map[string]any{"/vms/101": map[string]any{}}))
	})
})

var _ = Describe("A machine", func() {
	var p *person

	made := func() proxmox.VM {
		GinkgoHelper()
		vm, found := p.server.VM(9001)
		Expect(found).To(BeTrue())
		return vm
	}

	It("is nobody's until all its disks are there", func() {
		p = start(func(o *proxmox.Options) { o.TaskTimes = map[string]time.Duration{"import": 200 * time.Millisecond} })
		Expect(p.ask("POST", "/nodes/pve1/qemu", whole(map[string]string{"tags": "b;A"})).Status).To(Equal(200))
		Expect(made().Config).To(Equal(map[string]string{"lock": "create"}))
		Eventually(func() map[string]string { return made().Config }).WithTimeout(5 * time.Second).Should(And(
			HaveKeyWithValue("tags", "a;b"), HaveKeyWithValue("smbios1", HavePrefix("uuid=")), Not(HaveKey("lock"))))
		Expect(made().Image).To(Equal("local:import/talos.qcow2"))
	})

	It("leaves nothing behind that can't be made", func() {
		p = start(nil)
		Expect(p.task("POST", "/nodes/pve1/qemu", whole(map[string]string{"scsi1": "local-lvm:1", "scsi2": "local-lvm:0,import-from=local:import/gone.raw"}))).
			To(Equal("unable to create VM 9001 - failed to stat '/var/lib/vz/import/gone.raw'"))
		Expect(p.server.VMs()).To(BeEmpty())
		Expect(p.server.Volumes("pve1")).To(ConsistOf("local:import/talos.qcow2"))
	})

	It("has a number of its own", func() {
		p = start(nil)
		p.server.AddVM("pve2", 9001, nil)
		Expect(p.ask("POST", "/nodes/pve1/qemu", whole(nil))).To(HaveField("Reason", "unable to create VM 9001 - VM 9001 already exists on node 'pve2'"))
	})

	It("has a disk that only grows", func() {
		p = start(nil)
		Expect(p.task("POST", "/nodes/pve1/qemu", whole(nil))).To(Equal("OK"))
		Expect(p.task("PUT", "/nodes/pve1/qemu/9001/resize", form("disk", "scsi0", "size", "32G"))).To(Equal("OK"))
		Expect(p.task("PUT", "/nodes/pve1/qemu/9001/resize", form("disk", "scsi0", "size", "31G"))).To(Equal("shrinking disks is not supported"))
		Expect(p.task("PUT", "/nodes/pve1/qemu/9001/resize", form("disk", "scsi1", "size", "31G"))).To(Equal("disk 'scsi1' does not exist"))
	})

	It("is changed by those alone who know how it is", func() {
		p = start(nil)
		p.server.AddVM("pve1", 9001, map[string]string{"description": "one"})
		digest := p.ask("GET", "/nodes/pve1/qemu/9001/config", nil).Data.(map[string]any)["digest"].(string)
		p.server.Edit(9001, map[string]string{"description": "two"})
		Expect(p.ask("PUT", "/nodes/pve1/qemu/9001/config", form("description", "three", "digest", digest))).
			To(HaveField("Reason", "checksum mismatch (file change by other user?)"))
		Expect(made().Config).To(HaveKeyWithValue("description", "two"))
		Expect(p.ask("PUT", "/nodes/pve1/qemu/9001/config", nil)).To(HaveField("Reason", "no options specified"))
		Expect(p.ask("PUT", "/nodes/pve1/qemu/9001/config", form("boot", "order=scsi0"))).To(HaveField("Reason", "invalid bootorder: device 'scsi0' does not exist'"))
	})

	It("is destroyed only when it is stopped, and not protected", func() {
		var events []string
		note := func(event string) func(proxmox.VM) error {
			return func(proxmox.VM) error { events = append(events, event); return nil }
		}
		p = start(func(o *proxmox.Options) {
			o.OnStart, o.OnStop, o.OnDestroy = note("start"), note("stop"), note("destroy")
		})
		Expect(p.task("POST", "/nodes/pve1/qemu", whole(nil))).To(Equal("OK"))
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("OK"))
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("VM 9001 already running"))
		Expect(p.ask("DELETE", "/nodes/pve1/qemu/9001", nil)).To(HaveField("Reason", "VM 9001 is running - destroy failed"))
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/stop", nil)).To(Equal("OK"))
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/stop", nil)).To(Equal("OK"))
		p.server.Edit(9001, map[string]string{"protection": "1"})
		Expect(p.ask("DELETE", "/nodes/pve1/qemu/9001", nil)).To(HaveField("Reason", "can't remove VM 9001 - protection mode enabled"))
		p.server.Edit(9001, map[string]string{"protection": ""})
		Expect(p.task("DELETE", "/nodes/pve1/qemu/9001", nil)).To(Equal("OK"))
		Expect(p.server.VMs()).To(BeEmpty())
		Expect(events).To(Equal([]string{"start", "stop", "destroy"}))
	})

	It("leaves disks behind that its configuration doesn't name, unless it is told not to", func() {
		p = start(nil)
		for _, unreferenced := range []string{"0", "1"} {
			Expect(p.task("POST", "/nodes/pve1/qemu", whole(map[string]string{"scsi1": "local-lvm:1"}))).To(Equal("OK"))
			p.server.Edit(9001, map[string]string{"scsi0": ""})
			Expect(p.task("DELETE", "/nodes/pve1/qemu/9001", form("destroy-unreferenced-disks", unreferenced))).To(Equal("OK"))
			if unreferenced == "0" {
				Expect(p.server.Volumes("pve1")).To(ConsistOf("local:import/talos.qcow2", "local-lvm:vm-9001-disk-0"))
			}
		}
		Expect(p.server.Volumes("pve1")).To(ConsistOf("local:import/talos.qcow2"))
	})

	It("may be locked", func() {
		p = start(nil)
		p.server.AddVM("pve1", 9001, map[string]string{"lock": "backup"})
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("VM is locked (backup)"))
		Expect(p.task("DELETE", "/nodes/pve1/qemu/9001", nil)).To(Equal("VM is locked (backup)"))
		Expect(p.ask("PUT", "/nodes/pve1/qemu/9001/config", form("name", "y"))).To(HaveField("Reason", "VM is locked (backup)"))
		p.server.Edit(9001, map[string]string{"lock": ""})
		release := p.server.Hold(9001)
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("can't lock file '/var/lock/qemu-server/lock-9001.conf' - got timeout"))
		release()
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("OK"))
	})

	It("needs its bridge to start", func() {
		p = start(nil)
		p.server.AddVM("pve1", 9001, map[string]string{"net0": "virtio=BC:24:11:00:00:01,bridge=vmbr9"})
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("bridge 'vmbr9' does not exist"))
	})

	It("fails to start when its test says so", func() {
		p = start(func(o *proxmox.Options) { o.OnStart = func(proxmox.VM) error { return io.ErrUnexpectedEOF } })
		p.server.AddVM("pve1", 9001, nil)
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("unexpected EOF"))
		Expect(made().Running).To(BeFalse())
	})
})

var _ = Describe("A task", func() {
	It("may not be known at first", func() {
		p := start(func(o *proxmox.Options) { o.LateTasks = true })
		p.server.AddVM("pve1", 9001, nil)
		path := "/nodes/pve1/tasks/" + p.ask("POST", "/nodes/pve1/qemu/9001/status/start", nil).Data.(string) + "/status"
		Expect(p.ask("GET", path, nil)).To(HaveField("Status", 400))
		Expect(p.ask("GET", path, nil)).To(HaveField("Status", 200))
	})

	It("is its starter's alone", func() {
		p := start(func(o *proxmox.Options) {
			o.Tokens = append(o.Tokens, proxmox.Token{ID: "other@pve!x", Secret: secret, Privileges: map[string][]string{"/": {"VM.Audit"}}})
		})
		p.server.AddVM("pve1", 9001, nil)
		path := "/nodes/pve1/tasks/" + p.ask("POST", "/nodes/pve1/qemu/9001/status/start", nil).Data.(string) + "/status"
		p.token = "other@pve!x=" + secret
		Expect(p.ask("GET", path, nil)).To(And(HaveField("Status", 403), HaveField("Reason", "Permission check failed (/nodes/pve1, Sys.Audit)")))
	})

	It("tells in its log what it does", func() {
		p := start(func(o *proxmox.Options) {
			o.Downloads = map[string]proxmox.Download{"https://factory.example/x": {Size: gib, SHA256: "ab"}}
		})
		upid := p.ask("POST", "/nodes/pve1/storage/local/download-url", form("url", "https://factory.example/x", "content", "import", "filename", "x.qcow2")).Data.(string)
		Eventually(func() any { return p.ask("GET", "/nodes/pve1/tasks/"+upid+"/log", nil).Data }).WithTimeout(5 * time.Second).
			Should(ContainElement(HaveKeyWithValue("t", "TASK OK")))
		Expect(p.ask("GET", "/nodes/pve1/tasks/"+upid+"/log", form("start", "1", "limit", "1")).Data).
			To(ConsistOf(And(HaveKeyWithValue("n", 2.0), HaveKeyWithValue("t", ContainSubstring("50%")))))
		Expect(p.server.Volumes("pve1")).To(ConsistOf("local:import/talos.qcow2", "local:import/x.qcow2"))
	})

	It("ends with its server", func() {
		p := start(func(o *proxmox.Options) { o.TaskTimes = map[string]time.Duration{"qmstart": time.Hour} })
		p.server.AddVM("pve1", 9001, nil)
		Expect(p.ask("POST", "/nodes/pve1/qemu/9001/status/start", nil).Status).To(Equal(200))
		Expect(p.server.Stop()).To(Succeed())
	})
})

var _ = Describe("A fault", func() {
	It("is for the next call of its kind, and for no other", func() {
		p := start(nil)
		p.server.AddVM("pve1", 9001, nil)
		p.server.Fail(proxmox.Fault{Method: "POST", Path: "/nodes/*/qemu/9001/status/start", Status: 500, Message: "no"})
		Expect(p.ask("GET", "/nodes/pve1/qemu/9001/status/current", nil).Status).To(Equal(200))
		Expect(p.ask("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(And(HaveField("Status", 500), HaveField("Reason", "no")))
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("OK"))
	})

	It("can last until it is healed", func() {
		p := start(nil)
		p.server.Fail(proxmox.Fault{Path: "/version", Status: 503, Message: "Service Unavailable", Times: -1})
		Expect(p.ask("GET", "/version", nil).Status).To(Equal(503))
		Expect(p.ask("GET", "/version", nil).Status).To(Equal(503))
		p.server.Heal()
		Expect(p.ask("GET", "/version", nil).Status).To(Equal(200))
	})

	It("can end a task otherwise, with and without its work done", func() {
		p := start(nil)
		p.server.AddVM("pve1", 9001, nil)
		p.server.Fail(proxmox.Fault{Path: "/nodes/pve1/qemu/9001/status/start", TaskExit: "start failed"})
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("start failed"))
		Expect(p.server.VMs()).To(HaveExactElements(HaveField("Running", false)))
		p.server.Fail(proxmox.Fault{Path: "/nodes/pve1/qemu/9001/status/start", TaskWarning: "old machine type"})
		Expect(p.task("POST", "/nodes/pve1/qemu/9001/status/start", nil)).To(Equal("WARNINGS: 1"))
		Expect(p.server.VMs()).To(HaveExactElements(HaveField("Running", true)))
	})
})

var _ = Describe("The journal", func() {
	It("has every call, and no secret", func() {
		p := start(nil)
		p.ask("GET", "/version", nil)
		p.ask("PUT", "/nodes/pve1/qemu/9001/config", form("name", "y"))
		Expect(p.server.Requests()).To(HaveExactElements(
			proxmox.Request{Method: "GET", Path: "/version", Params: url.Values{}, Status: 200},
			proxmox.Request{Method: "PUT", Path: "/nodes/pve1/qemu/9001/config", Params: form("name", "y"), Status: 500},
		))
	})
})
