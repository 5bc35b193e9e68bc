package proxmox

import (
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("classify", func() {
	DescribeTable("tells apart", func(status int, reason, body string, kind Kind, message string) {
		err := classify("GET /x", tokenID, status, reason, []byte(body))
		Expect(err).To(MatchError(kind))
		Expect(err.Error()).To(HavePrefix("GET /x: "))
		Expect(err.Error()).To(ContainSubstring(message))
	},
		Entry("an unknown token", 401, "Authentication failed!", "", Unauthorized, "does not accept the token bootstrap@pve!rebirth (Authentication failed!)"),
		Entry("a lacking privilege", 403, "Permission check failed (/vms/100, VM.Allocate)", "", Denied, "lacks VM.Allocate on /vms/100. Give it a role that has it: pveum acl modify /vms/100 --tokens 'bootstrap@pve!rebirth' --roles ROLE."),
		Entry("one of several privileges", 403, "Forbidden", `{"data":null,"message":"Permission check failed (/storage/local, Datastore.AllocateSpace|Datastore.Audit)\n"}`, Denied, "lacks Datastore.AllocateSpace|Datastore.Audit on /storage/local"),
		Entry("a tag that is not for everybody", 403, "Permission check failed (/, Sys.Modify for modifying tag 'rebirth-x')", "", Denied, "lacks Sys.Modify for modifying tag 'rebirth-x' on /."),
		Entry("a privilege that is not named", 403, "Permission check failed", "", Denied, "denies it to the token bootstrap@pve!rebirth (Permission check failed)"),
		Entry("a refused parameter", 400, "Parameter verification failed.", `{"data":null,"message":"Parameter verification failed.\n","errors":{"net0":"invalid format - x\n","cores":"type check ('integer') failed"}}`, Invalid, "refuses cores (type check ('integer') failed), net0 (invalid format - x)"),
		Entry("a bad request without parameters", 400, "Bad Request", "", Failed, "status 400: Bad Request"),
		Entry("a path that does not exist", 404, "Not Found", "", NotFound, "Not Found"),
		Entry("a machine that does not exist", 500, "Configuration file 'nodes/pve1/qemu-server/9001.conf' does not exist", `{"data":null}`, NotFound, "9001.conf' does not exist"),
		Entry("a storage that does not exist", 500, "storage 'x' does not exist", "", NotFound, "storage 'x' does not exist"),
		Entry("a number that is taken", 500, "unable to create VM 9001 - VM 9001 already exists on node 'pve2'", "", Conflict, "already exists on node 'pve2'"),
		Entry("a number that a container has", 500, "unable to create VM 9001 - CT 9001 already exists on node 'pve2'", "", Conflict, "CT 9001 already exists"),
		Entry("a configuration that has changed", 500, "checksum mismatch (file change by other user?)", "", Conflict, "checksum mismatch"),
		Entry("a locked file", 500, "can't lock file '/var/lock/qemu-server/lock-9001.conf' - got timeout", "", Locked, "got timeout"),
		Entry("a locked storage", 500, "cfs-lock 'storage-nfs' error: got lock request timeout", "", Locked, "got lock request timeout"),
		Entry("a locked machine", 500, "VM is locked (backup)", "", Locked, "VM is locked (backup)"),
		Entry("a host that can't be reached", 595, "No route to host", "", Unreachable, "the host behind the API can't be reached (595 No route to host)"),
		Entry("a host that does not answer", 599, "Too many redirections", "", Unreachable, "599"),
		Entry("a proxy in front that gives up", 504, "Gateway Time-out", "<html>", TimedOut, "Gateway Time-out"),
		Entry("anything else", 500, "got no worker upid - start worker failed", "", Failed, "start worker failed"),
		Entry("a method that there isn't", 501, "Method 'GET /x' not implemented", "", Failed, "status 501"),
	)

	It("says what lacks where", func() {
		err := classify("", tokenID, 403, "Permission check failed (/vms/100, VM.Allocate)", nil)
		Expect(err.Path).To(Equal("/vms/100"))
		Expect(err.Privilege).To(Equal("VM.Allocate"))
	})

	It("makes one printable line of what it is told", func() {
		err := classify("GET /x", tokenID, 500, "x\r\nlevel=error", []byte(`{"message":"x\nlevel=\u001b[31merror"}`))
		Expect(err.Error()).To(Equal("GET /x: x level= [31merror"))
	})

	It("says what a denial is about where Proxmox doesn't", func() {
		client := &Client{tokenName: tokenID}
		bare := classify("", tokenID, 403, "Permission check failed", nil)
		Expect(client.needing(bare, "/vms/1", "VM.Allocate")).To(MatchError(ContainSubstring("lacks VM.Allocate on /vms/1")))
		named := classify("", tokenID, 403, "Permission check failed (/vms/2, VM.Audit)", nil)
		Expect(client.needing(named, "/vms/1", "VM.Allocate")).To(MatchError(ContainSubstring("lacks VM.Audit on /vms/2")))
		other := errors.New("x")
		Expect(client.needing(other, "/vms/1", "VM.Allocate")).To(BeIdenticalTo(other))
	})
})
