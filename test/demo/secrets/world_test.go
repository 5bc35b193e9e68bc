package secrets

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/demo/stage"
)

func status(state, reason, message string) stage.Status {
	return stage.Status{State: state, Reason: reason, Message: message}
}

var _ = DescribeTable("The news from one world to the next",
	func(before, after World, want ...string) {
		got := []string{}
		for _, n := range newsOf(before, after) {
			got = append(got, string(n.Mark)+" "+n.Text)
		}
		Expect(got).To(Equal(append([]string{}, want...)))
	},
	Entry("nothing", World{Mirror: "P0", Owned: true}, World{Mirror: "P0", Owned: true}),
	Entry("an export that waits is told without the details",
		World{}, World{Export: status("Reconciling", "Restoring", "waiting for restore: the Job runs")},
		"… SecretExport grafana waits, Restoring: waiting for restore"),
	Entry("an export that goes on waiting for the same is no news",
		World{Export: status("Reconciling", "Restoring", "waiting for restore: 1 %")}, World{Export: status("Reconciling", "Restoring", "waiting for restore: 2 %")}),
	Entry("an export that needs somebody is told in full",
		World{}, World{Export: status("Stalled", "PasswordRefused", "refused; set spec.repair")},
		"✗ SecretExport grafana is Stalled, PasswordRefused: refused; set spec.repair"),
	Entry("a proof names the password by its label",
		World{}, World{Export: status("Ready", "Succeeded", "fine"), Proven: "P1"},
		"✓ SecretExport grafana is Ready: a login with P1 succeeded"),
	Entry("an import that only follows its export is no news",
		World{}, World{Import: status("Reconciling", "ExportNotReady", "waiting for SecretExport a/b: it waits")}),
	Entry("an import that keeps its mirror is news",
		World{}, World{Import: status("Reconciling", "ExportNotReady", "namespace tazlab-db is being reborn: the mirror is kept")},
		"… SecretImport grafana-db waits, ExportNotReady: namespace tazlab-db is being reborn"),
	Entry("a take-over",
		World{Mirror: "P0"}, World{Mirror: "P0", Owned: true},
		"✓ Secret monitoring/tazlab-db-pguser-grafana holds P0, taken over from the ExternalSecret"),
	Entry("an update and the restart that it asks for",
		World{Mirror: "P0", Owned: true, Restarts: 1}, World{Mirror: "P1", Owned: true, Restarts: 2},
		"✓ Secret monitoring/tazlab-db-pguser-grafana holds P1, no longer P0",
		"· restarts Deployment grafana, whose process started before that change (restart 2)"),
	Entry("a process that starts and logs in",
		World{}, World{Grafana: Process{1, "P0", loggedIn}},
		"· pod 1 starts, with P0 in its environment", "✓ pod 1 logs in with P0 (verify-full)"),
	Entry("a process that is refused",
		World{Grafana: Process{1, "P0", loggedIn}}, World{Grafana: Process{1, "P0", refused}},
		"✗ pod 1 is refused: wrong password (SQLSTATE 28P01)"),
)

var _ = Describe("The stop conditions", func() {
	It("of a destruction ask that the mirror is kept, untouched, and that the import says so", func() {
		before := World{Source: "P0", Mirror: "P0", Owned: true, Restarts: 1}
		kept := destructionGoals(before)[1].Reached
		after := World{Mirror: "P0", Owned: true, Restarts: 1,
			Import: status("Reconciling", v1alpha1.ExportNotReadyReason, "namespace tazlab-db is being reborn: the mirror is kept")}
		Expect(kept(after)).To(BeTrue())
		restartedToo := after
		restartedToo.Restarts = 2
		Expect(kept(restartedToo)).To(BeFalse())
		lost := after
		lost.Mirror = ""
		Expect(kept(lost)).To(BeFalse())
	})

	It("of a rebirth ask for one restart, not two", func() {
		asked := restarted(World{Restarts: 1})
		Expect(asked(World{Restarts: 2})).To(BeTrue())
		Expect(asked(World{Restarts: 3})).To(BeFalse())
	})

	It("ask for exactly one restart for each change", func() {
		Expect(restarts(World{Restarts: 3, Grafana: Process{Number: 4}}).OK).To(BeTrue())
		Expect(restarts(World{Restarts: 4, Grafana: Process{Number: 5}}).OK).To(BeFalse())
		Expect(restarts(World{Restarts: 3, Grafana: Process{Number: 5}}).OK).To(BeFalse())
	})
})
