package talos_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

var _ = Describe("A schematic", func() {
	// The first two are in the Image Factory's own tests, the others are what the
	// public Factory answered to people who have published them.
	DescribeTable("has the id that the Factory gives it",
		func(schematic spec.Schematic, want string) {
			Expect(talos.SchematicID(schematic)).To(Equal(want))
		},
		Entry("plain", spec.Schematic{},
			"376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"),
		Entry("kernel arguments", spec.Schematic{KernelArgs: []string{"noapic", "nolapic"}},
			"9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c"),
		Entry("one extension", spec.Schematic{Extensions: []string{"siderolabs/qemu-guest-agent"}},
			"ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515"),
		Entry("two", spec.Schematic{Extensions: []string{"siderolabs/qemu-guest-agent", "siderolabs/tailscale"}},
			"7d4c31cbd96db9f90c874990697c523482b2bae27fb4631d5583dcd9c281b1ff"),
		Entry("four", spec.Schematic{Extensions: []string{"siderolabs/iscsi-tools", "siderolabs/qemu-guest-agent", "siderolabs/tailscale", "siderolabs/util-linux-tools"}},
			"077514df2c1b6436460bc60faabc976687b16193b8a1290fda4366c69024fec2"),
	)

	It("is where its image and its installer are", func() {
		image := spec.Image{TalosVersion: "v1.13.9"}
		Expect(talos.ImageURL(image)).To(Equal("https://factory.talos.dev/image/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba/v1.13.9/nocloud-amd64.qcow2"))
		Expect(talos.InstallerImage(image)).To(Equal("factory.talos.dev/nocloud-installer/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba:v1.13.9"))
	})

	It("may be made by another factory", func() {
		image := spec.Image{TalosVersion: "v1.13.9", Factory: "https://factory.lan:8443/"}
		Expect(talos.ImageURL(image)).To(HavePrefix("https://factory.lan:8443/image/"))
		Expect(talos.InstallerImage(image)).To(HavePrefix("factory.lan:8443/nocloud-installer/"))
	})
})

var _ = Describe("Registering a schematic", func() {
	var (
		image  spec.Image
		status int
		answer func(body []byte) any
		got    []byte
	)

	BeforeEach(func() {
		status = http.StatusCreated
		answer = func([]byte) any { return map[string]string{"id": talos.SchematicID(image.Schematic)} }
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer GinkgoRecover()
			Expect(r.Method + " " + r.URL.Path).To(Equal("POST /schematics"))
			got, _ = io.ReadAll(r.Body)
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(answer(got))
		}))
		DeferCleanup(server.Close)
		image = spec.Image{Factory: server.URL, TalosVersion: "v1.13.9", Schematic: spec.Schematic{Extensions: []string{"siderolabs/tailscale"}}}
	})

	register := func() error { return talos.RegisterSchematic(context.Background(), http.DefaultClient, image) }

	It("sends the canonical form", func() {
		Expect(register()).To(Succeed())
		Expect(string(got)).To(Equal("customization:\n    systemExtensions:\n        officialExtensions:\n            - siderolabs/tailscale\n"))
	})

	It("fails if the factory calls it something else", func() {
		answer = func([]byte) any { return map[string]string{"id": "0123"} }
		Expect(register()).To(MatchError(ContainSubstring("it calls the schematic 0123")))
	})

	It("says what the factory refuses", func() {
		status = http.StatusBadRequest
		answer = func([]byte) any { return "unknown extension" }
		Expect(register()).To(MatchError(And(ContainSubstring("400 Bad Request"), ContainSubstring("unknown extension"), ContainSubstring(image.Factory))))
	})
})
