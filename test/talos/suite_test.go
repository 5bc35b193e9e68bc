package talos_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/config/container"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/runtime/extensions"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tazzo/rebirth/test/talos"
)

func TestFakeTalos(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(10 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	SetDefaultConsistentlyDuration(300 * time.Millisecond)
	RunSpecs(t, "The fake Talos")
}

// bundle is the cluster's, others another one's.
var bundle, others *secrets.Bundle

var _ = BeforeSuite(func() {
	for _, to := range []**secrets.Bundle{&bundle, &others} {
		made, err := secrets.NewBundle(secrets.NewFixedClock(time.Now().Add(-time.Minute)), nil)
		Expect(err).NotTo(HaveOccurred())
		*to = made
	}
})

// play switches a machine on.
func play(edits ...func(*talos.Options)) *talos.Machine {
	GinkgoHelper()
	address, err := talos.FreeAddress()
	Expect(err).NotTo(HaveOccurred())
	options := talos.Options{Name: "cp-1", Address: address, Dir: GinkgoT().TempDir(), UUID: "8d1e6a3c-0001-4a4e-9a7e-5b7c1f2d3e4f", MAC: "BC:24:11:2E:00:71"}
	for _, edit := range edits {
		edit(&options)
	}
	machine, err := talos.Start(options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(machine.PowerOff)
	return machine
}

// maintenance is a client that proves nothing.
func maintenance(machine *talos.Machine) *client.Client {
	GinkgoHelper()
	c := connect(machine, &tls.Config{InsecureSkipVerify: true})
	Eventually(func(ctx context.Context) error { _, err := c.Version(ctx); return err }).WithContext(context.Background()).Should(Succeed())
	return c
}

// as is a client with a certificate of the bundle's authority.
func as(machine *talos.Machine, of *secrets.Bundle, roles ...role.Role) *client.Client {
	GinkgoHelper()
	pair, err := of.GenerateTalosAPIClientCertificate(role.MakeSet(roles...))
	Expect(err).NotTo(HaveOccurred())
	certificate, err := tls.X509KeyPair(pair.Crt, pair.Key)
	Expect(err).NotTo(HaveOccurred())
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle.Certs.OS.Crt)
	return connect(machine, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}})
}

func connect(machine *talos.Machine, config *tls.Config) *client.Client {
	GinkgoHelper()
	c, err := client.New(context.Background(), client.WithEndpoints(machine.Address().String()), client.WithTLSConfig(config))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

// configuration of a machine, with the extension's environment if there is one.
func configuration(machine *talos.Machine, of *secrets.Bundle, kind machinetype.Type, env ...string) []byte {
	GinkgoHelper()
	input, err := generate.NewInput("tazlab", "https://"+machine.Address().String()+":6443", "1.36.3", generate.WithSecretsBundle(of), generate.WithInstallDisk("/dev/sda"))
	Expect(err).NotTo(HaveOccurred())
	provider, err := input.Config(kind)
	Expect(err).NotTo(HaveOccurred())
	documents := provider.Documents()
	if len(env) > 0 {
		service := extensions.NewServicesConfigV1Alpha1()
		service.ServiceName, service.ServiceEnvironment = "tailscale", env
		documents = append(documents, service)
	}
	all, err := container.New(documents...)
	Expect(err).NotTo(HaveOccurred())
	yaml, err := all.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	Expect(err).NotTo(HaveOccurred())
	return yaml
}

// apply gives a configuration to Talos. timeout is that of TRY.
func apply(c *client.Client, yaml []byte, mode machineapi.ApplyConfigurationRequest_Mode, timeout time.Duration) error {
	request := &machineapi.ApplyConfigurationRequest{Data: yaml, Mode: mode}
	if timeout > 0 {
		request.TryModeTimeout = durationpb.New(timeout)
	}
	_, err := c.ApplyConfiguration(context.Background(), request)
	return err
}

const (
	auto     = machineapi.ApplyConfigurationRequest_AUTO
	try      = machineapi.ApplyConfigurationRequest_TRY
	noReboot = machineapi.ApplyConfigurationRequest_NO_REBOOT
	staged   = machineapi.ApplyConfigurationRequest_STAGED
	reboot   = machineapi.ApplyConfigurationRequest_REBOOT
)

// configured gives the machine its first configuration, and returns its administrator.
func configured(machine *talos.Machine, yaml []byte) *client.Client {
	GinkgoHelper()
	Expect(apply(maintenance(machine), yaml, auto, 0)).To(Succeed())
	return admin(machine)
}

// admin is an administrator's client, once the machine answers to it.
func admin(machine *talos.Machine) *client.Client {
	GinkgoHelper()
	var c *client.Client
	Eventually(func() error {
		c = as(machine, bundle, role.Admin)
		_, err := c.Version(context.Background())
		return err
	}).Should(Succeed())
	return c
}
