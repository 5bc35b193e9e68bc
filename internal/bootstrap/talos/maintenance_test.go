package talos_test

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
	faketalos "github.com/tazzo/rebirth/test/talos"
)

const applyCall = "/machine.MachineService/ApplyConfiguration"

var _ = Describe("A machine in maintenance", func() {
	var (
		secrets *talos.Secrets
		machine *faketalos.Machine
		m       *talos.Maintenance
		base    talos.Config
	)

	BeforeEach(func() {
		secrets = clusterSecrets()
		machine = play(controlPlane)
		m = awaitMaintenance(machine)
		base = generate(clusterAt(machine), secrets)[controlPlane]
	})

	It("says which machine it is", func(ctx context.Context) {
		Expect(m.Identity(ctx)).To(Equal(talos.Identity{UUID: uuid, MACs: []string{mac}}))
	})

	It("takes its configuration, and answers to the cluster's certificates alone", func(ctx context.Context) {
		Expect(m.Apply(ctx, base, uuid, mac)).To(Succeed())
		Expect(nodeAt(machine, secrets).WaitConfigured(ctx, silent)).To(Succeed())
		Expect(machine.Persisted()).To(Equal([]byte(yamlOf(base))))

		_, err := m.Identity(ctx)
		Expect(err).To(MatchError(ContainSubstring("node tazlab-cp-1 (" + machine.Address().String() + "): read its UUID and MACs: does not answer: ")))
		Expect(talos.ReasonOf(err)).To(Equal(talos.Unreachable))
	}, NodeTimeout(20*time.Second))

	DescribeTable("gets not a byte of it if it is another machine",
		func(ctx context.Context, wantUUID, wantMAC, complaint string) {
			err := m.Apply(ctx, base, wantUUID, wantMAC)
			Expect(err).To(MatchError(And(ContainSubstring("node tazlab-cp-1"), ContainSubstring(complaint))))
			var wrong *talos.WrongMachineError
			Expect(errors.As(err, &wrong)).To(Equal(wantUUID != ""))
			Expect(machine.Calls()).NotTo(ContainElement(applyCall))
			Expect(machine.Persisted()).To(BeEmpty())
		},
		Entry("by its UUID", "8d1e6a3c-ffff-4a4e-9a7e-5b7c1f2d3e4f", mac, "its UUID is "+uuid),
		Entry("by its MAC", uuid, "BC:24:11:2E:00:99", "none of its MACs (BC:24:11:2E:00:71) is BC:24:11:2E:00:99"),
		Entry("because nobody said which it should be", "", "", "not known which machine to expect"),
	)

	It("gets nothing if another machine took its address after the first word", func(ctx context.Context) {
		Expect(m.Identity(ctx)).NotTo(BeNil())
		Expect(machine.Reboot()).To(Succeed())
		awaitMaintenance(machine)
		Eventually(func() error { return m.Apply(ctx, base, uuid, mac) }).Should(MatchError(ContainSubstring("shows another certificate than before")))
		Expect(machine.Calls()).NotTo(ContainElement(applyCall))
	})

	It("gets no auth key, which it would write to its disk", func(ctx context.Context) {
		Expect(m.Apply(ctx, withKey(base, canary), uuid, mac)).To(MatchError(And(ContainSubstring("it was not sent"), Not(ContainSubstring(canary)))))
		Expect(machine.Calls()).NotTo(ContainElement(applyCall))
	})

	It("refuses an invalid configuration, and says why without showing it", func(ctx context.Context) {
		broken, err := talos.ParseConfig([]byte("version: v1alpha1\nmachine: {type: worker, token: " + canary + "}\ncluster: {secret: " + canary + "}\n"))
		Expect(err).NotTo(HaveOccurred())
		err = m.Apply(ctx, broken, uuid, mac)
		Expect(err).To(MatchError(And(ContainSubstring("configure it: refuses what it was sent: "), Not(ContainSubstring(canary)))))
		Expect(talos.ReasonOf(err)).To(Equal(talos.Invalid))
	})

	DescribeTable("that dies while it takes its configuration",
		func(ctx context.Context, death faketalos.Death, then inventory.Stage) {
			machine.DieOnApply(death)
			err := m.Apply(ctx, base, uuid, mac)
			Expect(talos.ReasonOf(err)).To(Equal(talos.Unreachable))
			Eventually(stageOf(machine, secrets)).Should(Equal(then))
		},
		Entry("asks for it again", faketalos.BeforeWrite, inventory.Maintenance),
		Entry("or has it", faketalos.AfterWrite, inventory.Booting),
	)

	It("is left alone once the caller gives up", func() {
		defer machine.Hang()()
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_, err := m.Identity(ctx)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(talos.ReasonOf(err)).To(Equal(talos.TimedOut))
	})
})

var _ = Describe("Waiting for maintenance", func() {
	It("ends with an error if the machine has a configuration", func(ctx context.Context) {
		machine := play(controlPlane)
		configure(machine, clusterSecrets())
		Expect(dialer.WaitMaintenance(ctx, controlPlane, machine.Address(), silent)).To(MatchError(ContainSubstring("has a configuration already")))
	})

	It("says what it waits for, and for how long at most", func() {
		address, err := faketalos.FreeAddress()
		Expect(err).NotTo(HaveOccurred())
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		var reported []string
		err = dialer.WaitMaintenance(ctx, controlPlane, address, func(text string) { reported = append(reported, text) })
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(err).To(MatchError(ContainSubstring("wait for its maintenance mode: took too long: nobody answers at " + address.String())))
		Expect(reported).To(Equal([]string{"nobody answers at " + address.String() + " yet"}))
	})
})
